#ifndef CMD_COMMON_SWEEP_H
#define CMD_COMMON_SWEEP_H
#include <stdbool.h>
#include <stdint.h>
#include "store/store.h"
#include "policy/policy.h"
struct sweep_config { struct store_archive *archive; const struct policy *policy; int64_t now_ns; const char *actor; uint64_t limit; bool dry; };
struct sweep_result { uint64_t recordings, segments, bytes, tombstones, failed, held; bool more; int64_t next_due_ns; char next_id[STORE_SEGMENT_ID_BYTES]; uint64_t overdue; };
int sweep_run(const struct sweep_config *config, struct sweep_result *result);
#endif
