/*
 * The way to whoever leads the spool: dispatcher.sock (message.h). Non-blocking, and never needed
 * for a job to be safe: a leader that is not there finds everything on the disk when it comes.
 */
#ifndef SPOOLER_LINK_H
#define SPOOLER_LINK_H

#include "spooler/files/directory.h"
#include "spooler/message.h"

#define LINK_SOCKET_NAME "dispatcher.sock"

struct sockaddr_un;

/* The address of the socket, through the folder's descriptor: any path's length will do. */
void link_address(const struct spool_directory *directory, struct sockaddr_un *address);

/* A connected, non-blocking, close-on-exec descriptor; -1 with errno: nobody leads. */
int link_connect(const struct spool_directory *directory);

/* Sends one message, connecting first when *fd is -1. On failure *fd is closed and -1 again. */
bool link_send(const struct spool_directory *directory, int *fd,
               const struct door_message *message);

#endif
