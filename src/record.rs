//! Values of a fixed size as bytes, little-endian, so that a plan is the same bytes on every machine.
//!
//! Reading never fails: bytes that nobody wrote give some value. Whatever evaluates records is bounded by what it
//! looks at, not by what they say, so a block of bytes from anywhere decides something and does no harm.

#![expect(
    clippy::inline_always,
    reason = "whoever reads a record wants one or two of its fields: inlined, the others are never read"
)]

/// A value that is kept as [`SIZE`](Record::SIZE) bytes.
pub(crate) trait Record: Copy {
    /// How many bytes it takes.
    const SIZE: usize;

    /// Writes it at the start of `bytes`, which have room for it and are zeros.
    fn put(self, bytes: &mut [u8]);

    /// Reads it from the start of `bytes`; a part that is not wholly there counts as zeros.
    fn get(bytes: &[u8]) -> Self;
}

/// Reads a record off the front of `bytes`.
#[inline(always)]
pub(crate) fn take<T: Record>(bytes: &mut &[u8]) -> T {
    let (own, rest) = bytes.split_at_checked(T::SIZE).unwrap_or_default();
    *bytes = rest;
    T::get(own)
}

/// Writes a record at the front of `bytes`; what is behind it.
#[inline(always)]
pub(crate) fn give<T: Record>(value: T, bytes: &mut [u8]) -> &mut [u8] {
    let (own, rest) = bytes.split_at_mut_checked(T::SIZE).unwrap_or_default();
    value.put(own);
    rest
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Record for $number {
            const SIZE: usize = size_of::<$number>();

            #[inline(always)]
            fn put(self, bytes: &mut [u8]) {
                if let Some(bytes) = bytes.first_chunk_mut() {
                    *bytes = self.to_le_bytes();
                }
            }

            #[inline(always)]
            fn get(bytes: &[u8]) -> Self {
                bytes.first_chunk().map_or(0, |bytes| <$number>::from_le_bytes(*bytes))
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64 u128 i64 i128);

impl Record for bool {
    const SIZE: usize = 1;

    #[inline(always)]
    fn put(self, bytes: &mut [u8]) {
        u8::from(self).put(bytes);
    }

    #[inline(always)]
    fn get(bytes: &[u8]) -> Self {
        u8::get(bytes) != 0
    }
}

impl<T: Record> Record for Option<T> {
    const SIZE: usize = 1 + T::SIZE;

    #[inline(always)]
    fn put(self, bytes: &mut [u8]) {
        let bytes = give(self.is_some(), bytes);
        if let Some(value) = self {
            give(value, bytes);
        }
    }

    #[inline(always)]
    fn get(mut bytes: &[u8]) -> Self {
        let is_some: bool = take(&mut bytes);
        is_some.then(|| take(&mut bytes))
    }
}

impl<T: Record + Default, const N: usize> Record for [T; N] {
    const SIZE: usize = N * T::SIZE;

    #[inline(always)]
    fn put(self, mut bytes: &mut [u8]) {
        for value in self {
            bytes = give(value, bytes);
        }
    }

    #[inline(always)]
    fn get(mut bytes: &[u8]) -> Self {
        std::array::from_fn(|_| take(&mut bytes))
    }
}

/// Declares a struct that is a record, by its fields in this order. `record!(Type { field: Type, .. })` makes one of a struct that
/// stands elsewhere, and `record!(enum ..)` of an enum: a byte for the variant, then its fields; a byte that is no variant's reads as
/// the value after `else`.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty),* $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type),*
        }

        $crate::record::record!($name { $($field: $type),* });
    };
    ($name:ident($type:ty)) => {
        impl $crate::record::Record for $name {
            const SIZE: usize = <$type as $crate::record::Record>::SIZE;

            #[inline(always)]
            fn put(self, bytes: &mut [u8]) {
                $crate::record::Record::put(self.0, bytes);
            }

            #[inline(always)]
            fn get(bytes: &[u8]) -> Self {
                $name(<$type as $crate::record::Record>::get(bytes))
            }
        }
    };
    ($name:ty { $($field:ident: $type:ty),* $(,)? }) => {
        impl $crate::record::Record for $name {
            const SIZE: usize = 0 $(+ <$type as $crate::record::Record>::SIZE)*;

            #[inline(always)]
            fn put(self, mut bytes: &mut [u8]) {
                $(bytes = $crate::record::give(self.$field, bytes);)*
                let _ = bytes;
            }

            #[inline(always)]
            fn get(mut bytes: &[u8]) -> Self {
                Self { $($field: $crate::record::take::<$type>(&mut bytes)),* }
            }
        }
    };
    (enum $name:ty, else $other:expr; $($variant:ident $(($($field:ident: $type:ty),*))?),* $(,)?) => {
        impl $crate::record::Record for $name {
            const SIZE: usize = {
                let mut most = 0;
                $({
                    let size = 0 $($(+ <$type as $crate::record::Record>::SIZE)*)?;
                    if size > most {
                        most = size;
                    }
                })*
                1 + most
            };

            #[inline(always)]
            fn put(self, mut bytes: &mut [u8]) {
                let mut variant: u8 = 0;
                $(
                    if let Self::$variant $(($($field),*))? = self {
                        bytes = $crate::record::give(variant, bytes);
                        $($(bytes = $crate::record::give($field, bytes);)*)?
                    }
                    variant += 1;
                )*
                let _ = (variant, bytes);
            }

            #[inline(always)]
            fn get(mut bytes: &[u8]) -> Self {
                let variant: u8 = $crate::record::take(&mut bytes);
                let mut this: u8 = 0;
                $(
                    if variant == this {
                        return Self::$variant $(($($crate::record::take::<$type>(&mut bytes)),*))?;
                    }
                    this += 1;
                )*
                let _ = this;
                $other
            }
        }
    };
}

pub(crate) use record;

#[cfg(test)]
mod tests {
    use super::*;

    record! {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        struct Pair {
            number: u16,
            kind: Kind,
        }
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Kind {
        None,
        Number(Option<u32>),
        Both(bool, u64),
    }

    record!(enum Kind, else Kind::None; None, Number(number: Option<u32>), Both(flag: bool, number: u64));

    #[test]
    fn what_was_written_is_read_in_as_many_bytes_as_it_says() {
        for kind in [Kind::None, Kind::Number(None), Kind::Number(Some(7)), Kind::Both(true, u64::MAX - 1)] {
            let (pair, mut bytes) = (Pair { number: 0x1234, kind }, [0; Pair::SIZE]);
            pair.put(&mut bytes);
            assert_eq!(Pair::get(&bytes), pair);
            assert_eq!(bytes.first_chunk(), Some(&[0x34, 0x12]), "little-endian, on every machine");
        }
        assert_eq!((Kind::SIZE, Pair::SIZE), (1 + 1 + 8, 2 + 1 + 1 + 8));
    }

    #[test]
    fn any_bytes_are_read_as_something() {
        assert_eq!(Kind::get(&[9; 10]), Kind::None);
        assert_eq!(Kind::get(&[1]), Kind::Number(None));
        assert_eq!(Kind::get(&[1, 1, 5]), Kind::Number(None));
        assert_eq!(Pair::get(&[]), Pair { number: 0, kind: Kind::None });
        assert!(bool::get(&[2]));
    }
}
