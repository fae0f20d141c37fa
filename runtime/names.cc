// Names of verdicts and reasons in the C interface.
#include "runtime/cutis.h"
#include "runtime/verdict.h"

const char* cutis_verdict_name(cutis_verdict verdict) {
  if (verdict < CUTIS_VERDICT_NONE || verdict > CUTIS_VERDICT_UNUSABLE) return nullptr;
  return NameOf(static_cast<cutis::Verdict>(verdict));
}

const char* cutis_reason_name(uint32_t reason) {
  for (int bit = 0; bit < cutis::kReasonCount; ++bit) {
    if (reason == 1u << bit) return NameOf(static_cast<cutis::Reason>(reason));
  }
  return nullptr;
}
