//! A set of texts, hashed once when the policy is compiled.

use super::Case;
use crate::arena::{Arena, Block, List, Text};
use crate::fnv;
use crate::record::record;

record! {
    /// Texts by their hash: open addressing over a list, at most half full. Its length is a power of two.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Set {
        places: List<Text>,
    }
}

impl Set {
    /// Keeps a set; a text that stands twice is kept once.
    pub(crate) fn keep(arena: &mut Arena, texts: &[String], case: Case) -> Self {
        let mut places = vec![Text::NONE; (texts.len() * 2).next_power_of_two()];
        for text in texts {
            let free = probe(places.len(), text.as_bytes(), case).find(|at| {
                places.get(*at).is_none_or(|kept| {
                    *kept == Text::NONE || case.same(arena.block().text(*kept), text.as_bytes())
                })
            });
            if let Some(place) = free.and_then(|at| places.get_mut(at)).filter(|place| **place == Text::NONE)
            {
                *place = arena.keep(text);
            }
        }
        Set { places: arena.list(places) }
    }

    /// Whether `text` is in the set.
    pub(crate) fn has(self, block: Block<'_>, text: &[u8], case: Case) -> bool {
        // At least half of the places are free, so this ends soon.
        let kept = probe(self.places.len(), text, case).map_while(|at| block.at(self.places, at));
        kept.take_while(|kept| *kept != Text::NONE).any(|kept| case.same(block.text(kept), text))
    }
}

/// The places at which a text may stand, in order, each once. `places` is a power of two.
fn probe(places: usize, text: &[u8], case: Case) -> impl Iterator<Item = usize> + use<> {
    let hash = match case {
        Case::Kept => fnv::hash(text.iter().copied()),
        Case::Ignored => fnv::hash(text.iter().map(u8::to_ascii_lowercase)),
    };
    // The low bits of FNV-1a are its weakest.
    let first = (hash ^ hash >> 15) as usize;
    (0..places).map(move |offset| first.wrapping_add(offset) & places.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in_and_nothing_else() {
        let mut arena = Arena::default();
        let texts: Vec<String> = (0..1000).map(|number| format!("user-{number}")).collect();
        let set = Set::keep(&mut arena, &texts, Case::Kept);
        assert!(texts.iter().all(|text| set.has(arena.block(), text.as_bytes(), Case::Kept)));
        for other in ["", "user-", "user-1000", "User-1"] {
            assert!(!set.has(arena.block(), other.as_bytes(), Case::Kept), "{other}");
        }
    }

    #[test]
    fn the_empty_text_is_a_text() {
        let mut arena = Arena::default();
        let set = Set::keep(&mut arena, &[String::new()], Case::Kept);
        assert!(set.has(arena.block(), b"", Case::Kept));
        assert!(!set.has(arena.block(), b"a", Case::Kept));
    }

    #[test]
    fn case_may_be_ignored() {
        let mut arena = Arena::default();
        let set = Set::keep(&mut arena, &["Gold".to_owned(), "GOLD".to_owned()], Case::Ignored);
        assert!(set.has(arena.block(), b"gOLD", Case::Ignored));
        assert!(!set.has(arena.block(), b"silver", Case::Ignored));
    }
}
