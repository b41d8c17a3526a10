//! What the reply subject of a delivery says about it.

/// The position of one delivery in its stream and for its consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DeliveryInfo {
    /// Its sequence number in the stream.
    pub(super) sequence: u64,
    /// Its number among the deliveries of the consumer, from 1.
    pub(super) delivered: u64,
    /// When it was stored, in nanoseconds since 1970 by the server's clock.
    pub(super) stored_ns: u64,
    /// How many messages the consumer had still to deliver.
    pub(super) pending: u64,
}

impl DeliveryInfo {
    /// Reads `$JS.ACK.<stream>.<consumer>.<times>.<sequence>.<delivered>.<time>.<pending>`, or the
    /// newer form with domain and account before the stream, and perhaps a random end.
    pub(super) fn parse(reply: &str) -> Option<Self> {
        let rest = reply.strip_prefix("$JS.ACK.")?;
        let names = match rest.bytes().filter(|&byte| byte == b'.').count() {
            6 => 3,
            8 | 9 => 5,
            _ => return None,
        };
        let mut bytes = rest.bytes();
        for _ in 0..names {
            bytes.find(|&byte| byte == b'.')?;
        }
        let mut number = || {
            let mut digits = bytes.by_ref().take_while(|&byte| byte != b'.');
            let digit = |byte: u8| char::from(byte).to_digit(10).map(u64::from);
            let first = digit(digits.next()?)?;
            digits.try_fold(first, |sum, byte| sum.checked_mul(10)?.checked_add(digit(byte)?))
        };
        let (sequence, delivered) = (number()?, number()?);
        let stored_ns = number()?;
        Some(Self { sequence, delivered, stored_ns, pending: number()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_delivery_are_read() {
        let check = |reply: &str, want: Option<(u64, u64, u64)>| {
            let stored_ns = 1_700_000_000_000_000_000;
            let info = |(sequence, delivered, pending)| DeliveryInfo {
                sequence,
                delivered,
                stored_ns,
                pending,
            };
            assert_eq!(DeliveryInfo::parse(reply), want.map(info), "{reply}");
        };
        check("$JS.ACK.KV_divider_g.c.1.12.5.1700000000000000000.3", Some((12, 5, 3)));
        check("$JS.ACK._.hash.KV_divider_g.c.1.12.5.1700000000000000000.3", Some((12, 5, 3)));
        check("$JS.ACK.hub.hash.KV_divider_g.c.1.12.5.1700000000000000000.3.rnd", Some((12, 5, 3)));
        check("$JS.ACK.KV_divider_g.c.1.x.5.1700000000000000000.3", None);
        check("$JS.ACK.KV.c.1.2", None);
        check("_INBOX.a.b", None);
    }
}
