//! `split_clients` of NGINX. Source: nginx/nginx, `src/http/modules/ngx_http_split_clients_module.c`. No
//! numbers are published.

use super::raw;

/// The hash of a text.
pub fn hash(text: &[u8]) -> u32 {
    raw::murmur2_x32(text, 0)
}

/// The part that a hash lies in, by parts in hundredths of a percent. `None` is the `*` part, or nothing.
pub fn part(hash: u32, hundredths: impl IntoIterator<Item = u64>) -> Option<usize> {
    let mut end = 0_u64;
    hundredths.into_iter().position(|part| {
        end = end.saturating_add(part.saturating_mul(u64::from(u32::MAX)) / 10_000);
        u64::from(hash) < end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_end_to_end() {
        let end = u32::MAX / 2;
        assert_eq!(
            [0, end - 1, end, u32::MAX].map(|hash| part(hash, [5_000, 2_500])),
            [Some(0), Some(0), Some(1), None]
        );
    }
}
