/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands about the ledger share. */
#ifndef CMD_SPANREC_AUDIT_PRIV_H
#define CMD_SPANREC_AUDIT_PRIV_H

#include "cmd/spanrec/spanrec.h"

/* one action each; exit code */
int spanrec_audit_list(struct spanrec *spanrec, int argc, char **argv);
int spanrec_audit_export(struct spanrec *spanrec, int argc, char **argv);
int spanrec_audit_verify(struct spanrec *spanrec, int argc, char **argv);
int spanrec_audit_anchor(struct spanrec *spanrec, int argc, char **argv);

#endif
