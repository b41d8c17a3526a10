//! Sizes on the command line: `4096`, `512MiB`, `2GB`.

/// Reads a number of bytes.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "expected a whole number, alone or with KB, MB, GB, KiB, MiB or GiB, found {text:?}"
        )
    };
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let bytes = number.checked_mul(factor).ok_or_else(wrong)?;
    if bytes == 0 { Err("expected more than 0 bytes".to_owned()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_with_or_without_a_unit() {
        let check = |text: &str, bytes: Option<u64>| {
            assert_eq!(parse_size(text).ok(), bytes, "{text:?}");
        };
        check("4096", Some(4096));
        check("512MiB", Some(512 << 20));
        check("2 GB", Some(2_000_000_000));
        check("1g", Some(1 << 30));
        check("0", None);
        check("1.5GB", None);
        check("-1", None);
        check("20000000000G", None);
    }
}
