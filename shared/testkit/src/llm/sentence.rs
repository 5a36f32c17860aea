//! Sentences that read like posts and share few words with each other.

/// The parts of a sentence, in order. The lists have lengths without a common factor, so the whole repeats only after
/// their product, and two neighbours differ in every part.
const PARTS: [&[&str]; 4] = [
    &[
        "Our volunteers repaired the old footbridge",
        "The evening library reading drew a curious crowd",
        "A patient gardener shared her compost method",
        "Seven cyclists mapped quiet roads",
        "This week the choir rehearsed a forgotten melody",
        "Local bakers traded sourdough starters",
        "Fresh paint brightened the community workshop",
        "Students measured rainfall on the roof",
        "An amateur astronomer pointed out Saturn",
    ],
    &[
        "with borrowed tools and plenty of tea",
        "while neighbours brought soup for everyone",
        "after months of careful preparation",
        "because newcomers had asked for it",
        "despite a stubborn drizzle all morning",
        "before the summer holidays empty the town",
        "and recorded every step on video",
    ],
    &[
        "so drop in and tell us what you would try next",
        "which makes a fine excuse to meet on Saturday",
        "and the photographs are waiting in the gallery",
        "so reply below if you can lend a hand",
        "proving once more that small groups finish big things",
    ],
    &[
        "Thank you all.",
        "See you there.",
        "More details follow soon.",
        "Tell a friend about it.",
    ],
];

/// Sentence number `n`: 12 words or more, without digits or brackets, ending in a full stop.
pub(super) fn nth(n: usize) -> String {
    let [subject, manner, invitation, farewell] = PARTS.map(|choices| choices[n % choices.len()]);
    format!("{subject} {manner}, {invitation}. {farewell}")
}

/// Sentence number `n` in at most `limit` characters: whole words as long as they fit, then a full stop.
pub(super) fn nth_within(n: usize, limit: usize) -> String {
    let sentence = nth(n);
    if sentence.chars().count() <= limit {
        return sentence;
    }
    let mut short = String::new();
    for word in sentence.split(' ') {
        // One character for the blank, one for the full stop.
        if short.chars().count() + word.chars().count() + 2 > limit {
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    let mut short = short.trim_end_matches([',', '.']).to_owned();
    if short.is_empty() {
        short = sentence.chars().take(limit.saturating_sub(1)).collect();
    }
    if limit > 0 {
        short.push('.');
    }
    short
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_thousand_sentences_differ_and_are_long_enough() {
        let sentences: HashSet<String> = (0..1000).map(nth).collect();
        assert_eq!(sentences.len(), 1000);
        for sentence in sentences {
            assert!(sentence.split_whitespace().count() >= 12, "{sentence}");
            assert!(sentence.ends_with('.'), "{sentence}");
        }
    }

    #[test]
    fn a_short_limit_still_ends_in_a_full_stop() {
        for limit in 1..120 {
            let short = nth_within(3, limit);
            assert!(short.chars().count() <= limit, "{limit}: {short}");
            assert!(short.ends_with('.'), "{limit}: {short}");
        }
    }
}
