//! How the records of a segment refer to texts, to other records and to lanes: by position, never by pointer.

/// A piece of an arena's text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Text {
    start: u32,
    len: u32,
}

/// A run of records in one of a segment's lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Text {
    /// No text at all, which even the empty one is not.
    pub(crate) const NONE: Text = Text { start: u32::MAX, len: 0 };
}

impl Span {
    /// The records of `list` that the span covers.
    pub(crate) fn of<T>(self, list: &[T]) -> &[T] {
        list.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Appends records to `list` and says where they stand.
    pub(crate) fn append<T>(list: &mut Vec<T>, records: impl IntoIterator<Item = T>) -> Self {
        let start = position(list.len());
        list.extend(records);
        Span { start, end: position(list.len()) }
    }
}

/// A lane of a release, by its position in the policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct LaneId(pub(crate) u8);

/// The texts of a segment, and the words that its records list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arena {
    text: Vec<u8>,
    words: Vec<Text>,
}

impl Arena {
    /// Keeps a text.
    pub(crate) fn keep(&mut self, text: &str) -> Text {
        let start = position(self.text.len());
        self.text.extend_from_slice(text.as_bytes());
        Text { start, len: position(text.len()) }
    }

    /// Keeps a run of words.
    pub(crate) fn keep_words<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) -> Span {
        let words: Vec<Text> = words.into_iter().map(|word| self.keep(word)).collect();
        Span::append(&mut self.words, words)
    }

    /// The bytes of a text.
    pub(crate) fn text(&self, text: Text) -> &[u8] {
        let start = text.start as usize;
        self.text.get(start..start + text.len as usize).unwrap_or_default()
    }

    /// The words of a run.
    pub(crate) fn words(&self, words: Span) -> impl Iterator<Item = &[u8]> + Clone {
        words.of(&self.words).iter().map(|word| self.text(*word))
    }

    /// Keeps a run of texts that are kept already.
    pub(crate) fn keep_run(&mut self, texts: impl IntoIterator<Item = Text>) -> Span {
        Span::append(&mut self.words, texts)
    }

    /// The texts of a run, as they are kept.
    pub(crate) fn run(&self, run: Span) -> &[Text] {
        run.of(&self.words)
    }
}

/// A length or position as records keep it. A policy ends long before 4 GiB.
pub(crate) fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
