//! Seeds of single calls.

/// The seed for `step`, from the run's.
///
/// FNV-1a, because it must give the same numbers in every build. The result has 31 bits, which every provider accepts.
pub(super) fn seed_of(run: u64, step: &str) -> u64 {
    let bytes = run.to_le_bytes().into_iter().chain(step.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) & 0x7fff_ffff
}
