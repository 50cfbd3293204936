/* How libsndfile reads and writes: through the C library's files, so that errors of the system keep their names, and
 * that what is written can be flushed. */
#ifndef SOTTO_SNDFILE_IO_H
#define SOTTO_SNDFILE_IO_H

#include <sndfile.h>
#include <stdio.h>

extern SF_VIRTUAL_IO sotto_sndfile_io; /* its argument is a FILE; libsndfile does not change it */

#endif
