//! What a line of Postgres's log means for the person who reads our error.

/// A phrase of the log (they are English: the server runs with `lc_messages=C`) and what it asks for.
const HINTS: &[(&str, &str)] = &[
    (
        "No space left on device",
        "the disk is full; free some space and start again",
    ),
    (
        "Disk quota exceeded",
        "the disk quota is used up; free some space and start again",
    ),
    (
        "Read-only file system",
        "the directory is on a read-only file system; choose another with `--data-dir`",
    ),
    ("Address already in use", "another program took the port; start again"),
    (
        "has wrong ownership",
        "the directory belongs to another account; give it back with `chown -R`",
    ),
    (
        "has invalid permissions",
        "the directory is open to others; close it with `chmod 700`",
    ),
    (
        "incompatible with server",
        "the cluster was made by another version of PostgreSQL; install that version",
    ),
    (
        "could not map anonymous shared memory",
        "there is too little memory; free some and start again",
    ),
    (
        "could not create shared memory segment",
        "there is too little shared memory; enlarge `/dev/shm`",
    ),
    ("could not locate a valid checkpoint record", CORRUPTED),
    ("invalid checksum in control file", CORRUPTED),
    ("calculated CRC checksum does not match", CORRUPTED),
    ("could not find the database system", CORRUPTED),
    ("is not a valid data directory", CORRUPTED),
    ("could not open file \"global/", CORRUPTED),
    ("could not read file \"global/", CORRUPTED),
];

const CORRUPTED: &str =
    "the files are damaged; restore a backup, or move the directory away to start with an empty cluster";

/// The way out for the first known phrase in `log`, as `: …` to append to a message; empty when none is known.
pub(super) fn hint(log: &str) -> String {
    HINTS
        .iter()
        .find(|(phrase, _)| log.contains(phrase))
        .map(|(_, way_out)| format!(": {way_out}"))
        .unwrap_or_default()
}

/// The last `lines` lines of `text`.
pub(super) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_with_its_way_out() {
        let log = "FATAL:  could not write lock file \"postmaster.pid\": No space left on device";
        assert!(hint(log).contains("the disk is full; free some space"));
    }

    #[test]
    fn an_unknown_log_gets_no_made_up_hint() {
        assert_eq!(hint("LOG:  something new"), "");
    }

    #[test]
    fn the_tail_is_the_end_of_the_text() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 2), "a");
    }
}
