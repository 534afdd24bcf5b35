/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The folder of a home that is made, by init or by restore. */
#ifndef CMD_SPANREC_FOLDER_PRIV_H
#define CMD_SPANREC_FOLDER_PRIV_H

#include <stdbool.h>

/** Make it, or take one that is empty; says why not. For its owner alone.
 * @param made it was not there before @return exit code */
int spanrec_folder_make(const char *path, bool *made);
#endif
