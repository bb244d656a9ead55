//! Which texts stand twice.

/// Texts that were seen, each with the number that came with it first. In place of a map of the standard library, whose hash
/// takes code and randomness that nothing else in a module needs.
#[derive(Debug, Default)]
pub struct Seen<'t> {
    texts: Vec<(&'t str, usize)>,
    /// One more than the position of a text, or 0, at the place that its hash says or one of the next; at least half are 0.
    places: Vec<usize>,
}

impl<'t> Seen<'t> {
    /// The number that came with this text first; `None` where this is the first time.
    pub fn before(&mut self, text: &'t str, number: usize) -> Option<usize> {
        if self.places.len() <= self.texts.len() * 2 {
            self.grow();
        }
        let place = self.place(text);
        let known = self.places.get(place).and_then(|at| self.texts.get(at.checked_sub(1)?));
        if let Some((_, first)) = known {
            return Some(*first);
        }
        self.texts.push((text, number));
        self.put(place, self.texts.len());
        None
    }

    fn grow(&mut self) {
        self.places = vec![0; (self.texts.len() * 4).next_power_of_two().max(16)];
        for at in 0..self.texts.len() {
            let place = self.texts.get(at).map(|(text, _)| self.place(text));
            self.put(place.unwrap_or_default(), at + 1);
        }
    }

    fn put(&mut self, place: usize, position: usize) {
        if let Some(place) = self.places.get_mut(place) {
            *place = position;
        }
    }

    /// Where the text stands, or a free place for it.
    fn place(&self, text: &str) -> usize {
        let last = self.places.len() - 1;
        let first = fnv(text.as_bytes());
        let is_its = |place: &usize| match self.places.get(*place).and_then(|at| at.checked_sub(1)) {
            Some(at) => self.texts.get(at).is_some_and(|(known, _)| *known == text),
            None => true,
        };
        (0..=last).map(|offset| first.wrapping_add(offset) & last).find(is_its).unwrap_or_default()
    }
}

/// FNV-1a: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv(text: &[u8]) -> usize {
    let hash =
        text.iter().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_by_the_number_that_came_with_it_first() {
        let names: Vec<String> = (0..1_000).map(|number| format!("release-{number}")).collect();
        let mut seen = Seen::default();
        for (number, name) in names.iter().enumerate() {
            assert_eq!(seen.before(name, number), None);
        }
        for (number, name) in names.iter().enumerate() {
            assert_eq!(seen.before(name, 5_000), Some(number));
        }
        assert_eq!(seen.before("", 7), None);
        assert_eq!(seen.before("", 8), Some(7));
    }
}
