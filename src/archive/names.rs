//! The names in an archive: paths that stay where they are put, and mean the same on every system.

use super::Refused;

/// With a work directory in front of it, a path must stay below Linux's 4,096 bytes.
pub(super) const MOST_NAME_BYTES: usize = 1_024;

/// The most that a file system takes for one part of a path.
const MOST_PART_BYTES: usize = 255;

/// `raw` as a relative path: parts separated by single slashes, never `.` or `..`; empty for the root itself.
pub(super) fn path(raw: &[u8]) -> Result<String, Refused> {
    let name = text(raw)?;
    if name.starts_with(['/', '\\']) || starts_with_drive(name) {
        return Err(refused("it holds an absolute path", name));
    }
    // A backslash is an ordinary character here and a separator elsewhere: `..` may hide behind either.
    if name.split(['/', '\\']).any(|part| part == "..") {
        return Err(refused("it holds a path that leads out of it", name));
    }
    if name.contains('\\') {
        return Err(refused("it holds a name with a backslash, which separates directories elsewhere", name));
    }
    if name.contains(':') {
        return Err(refused("it holds a name with a colon, which names a drive or a stream elsewhere", name));
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.iter().any(|part| part.ends_with('.')) {
        return Err(refused("it holds a name with a full stop at its end, which is lost elsewhere", name));
    }
    if parts.iter().any(|part| part.len() > MOST_PART_BYTES) {
        return Err(refused("it holds a name that is too long", name));
    }
    Ok(parts.join("/"))
}

/// `raw` as what a symbolic link leads to. Where that is, the tree finds out.
pub(super) fn target(raw: &[u8], link: &str) -> Result<String, Refused> {
    let target = text(raw)?;
    if target.is_empty() {
        return Err(refused("it holds a symbolic link that leads nowhere", link));
    }
    if target.split('/').any(|part| part.len() > MOST_PART_BYTES) {
        return Err(refused("it holds a name that is too long", target));
    }
    Ok(target.to_owned())
}

fn text(raw: &[u8]) -> Result<&str, Refused> {
    let Ok(name) = std::str::from_utf8(raw) else {
        return Err(refused("it holds a name that is not UTF-8", &String::from_utf8_lossy(raw)));
    };
    if name.len() > MOST_NAME_BYTES {
        return Err(refused("it holds a name that is too long", name));
    }
    if name.contains(char::is_control) {
        return Err(refused("it holds a name with a control character", name));
    }
    Ok(name)
}

fn starts_with_drive(name: &str) -> bool {
    let bytes = name.as_bytes();
    matches!(bytes, [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic())
}

/// `why`, with the name that it is about.
pub(super) fn refused(why: &str, name: &str) -> Refused {
    Refused::Archive(format!("{why}: {}", shown(name)))
}

/// A hostile name may neither flood a message nor write control characters into it.
pub(super) fn shown(name: &str) -> String {
    const MOST: usize = 120;
    let readable = |c: char| match c {
        '\'' | '"' | '\\' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    let short: String = name.chars().take(MOST).collect();
    let dots = if short.len() < name.len() { "…" } else { "" };
    let readable: String = short.chars().map(readable).collect();
    readable + dots
}
