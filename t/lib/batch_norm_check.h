/* Checks what a batch norm case produced against the reference, within the promised bounds. Knows
   the host's data only, no device. */
#ifndef BATCH_NORM_CHECK_H
#define BATCH_NORM_CHECK_H

#include "lib/batch_norm_case.h"

/* After batch_norm_run_train: y, the saved and running statistics, dx, dgamma, dbeta. Results that
   are NULL are passed over. */
void batch_norm_check_train(const batch_norm_case *c, const batch_norm_data *data);

/* After batch_norm_run_eval: the same, by running statistics, which must be as they were; or by the
   batch's where the case is untracked. */
void batch_norm_check_eval(const batch_norm_case *c, const batch_norm_data *data);

#endif
