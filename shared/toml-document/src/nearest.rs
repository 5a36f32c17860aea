//! Suggestions for misspelt words.

/// Words longer than this are never a slip of the finger, and comparing them costs time in the square of their length.
const LONGEST_COMPARED: usize = 100;

/// The candidate that `word` was probably meant to be; `None` when no candidate is near.
///
/// Near means that at most a third of the longer word's letters differ, in short words one but not all; a swap of two
/// neighbours counts once. Case is ignored. Of equally near candidates the first wins.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST_COMPARED {
        return None;
    }
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST_COMPARED)
        .filter_map(|candidate| {
            let distance = strsim::osa_distance(&lower, &candidate.to_lowercase());
            let longer = word.chars().count().max(candidate.chars().count());
            (distance < longer && distance * 3 <= longer.max(3)).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
