// Counts and fails heap allocations of the code under test. The test is linked with --wrap for malloc and its kin, and replaces
// operator new, so this works under the sanitizers too. What libc and libstdc++ allocate for themselves is not seen.
#ifndef CUTIS_TESTS_ROBUST_ALLOCATIONS_H_
#define CUTIS_TESTS_ROBUST_ALLOCATIONS_H_

#include <cstdint>

namespace cutis::test {

// Allocations so far, by any thread, the failed ones included.
uint64_t Allocations();
// Allocations less frees of them: what is held.
int64_t Held();
// Lets the next `more` allocations succeed and all after them fail; a negative number: none fails.
void FailAllocationsAfter(int64_t more);

}  // namespace cutis::test

#endif  // CUTIS_TESTS_ROBUST_ALLOCATIONS_H_
