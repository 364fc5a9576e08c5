/*
 * The timers of apps (bobbin_timer_start): libuv timers that know whose they are, so that a crash
 * log can name the plugin and a stopping worker can end them all.
 */
#ifndef CORE_EXCHANGE_TIMER_H
#define CORE_EXCHANGE_TIMER_H

struct bobbin_host;
struct worker;

/* Stops every timer that the instance has not stopped itself; the loop frees them when it turns. */
void timers_stop_all(struct worker *worker, const struct bobbin_host *host);

#endif
