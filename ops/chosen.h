// Which operators and kernels this build holds (meson option ops): the build defines CUTIS_OP_<name> for each operator and
// CUTIS_KIND_<kind> for each kind of kernel as 1 or 0.
#ifndef CUTIS_OPS_CHOSEN_H_
#define CUTIS_OPS_CHOSEN_H_

// What follows the flag where that is 1, nothing where it is 0; a name that the build does not know is an error.
#define CUTIS_IF(flag, ...) CUTIS_IF_(flag, __VA_ARGS__)
#define CUTIS_IF_(flag, ...) CUTIS_IF_##flag(__VA_ARGS__)
#define CUTIS_IF_1(...) __VA_ARGS__
#define CUTIS_IF_0(...)

#endif  // CUTIS_OPS_CHOSEN_H_
