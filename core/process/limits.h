/*
 * What the kernel lets a process have.
 */
#ifndef CORE_PROCESS_LIMITS_H
#define CORE_PROCESS_LIMITS_H

/*
 * Raises the soft limit of open files to the hard one, at most to 1,048,576: shells and service
 * managers leave 1,024 for programs that use select(2). Inherited by children. Never fails: what
 * cannot be raised stays.
 */
void limits_raise_files(void);

/* Makes sure that descriptors 0, 1 and 2 are open, so that no socket ever becomes stderr. */
void limits_open_standard(void);

#endif
