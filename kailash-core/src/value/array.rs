//! Typed numeric arrays: a million samples are one buffer, not a million values.

use super::Value;

/// The numbers of an [`Array`], all of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Unsigned bytes: images, masks.
    U8(Box<[u8]>),
    /// 16-bit integers: audio samples.
    I16(Box<[i16]>),
    /// 32-bit integers.
    I32(Box<[i32]>),
    /// 64-bit integers.
    I64(Box<[i64]>),
    /// Single precision: tensors.
    F32(Box<[f32]>),
    /// Double precision: measurements.
    F64(Box<[f64]>),
}

macro_rules! each {
    ($numbers:expr, $data:ident => $body:expr) => {
        match $numbers {
            Numbers::U8($data) => $body,
            Numbers::I16($data) => $body,
            Numbers::I32($data) => $body,
            Numbers::I64($data) => $body,
            Numbers::F32($data) => $body,
            Numbers::F64($data) => $body,
        }
    };
}

impl Numbers {
    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        each!(self, data => data.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the element type, as in tagged JSON: `u8 i16 i32 i64 f32 f64`.
    #[must_use]
    pub fn dtype(&self) -> &'static str {
        match self {
            Self::U8(_) => "u8",
            Self::I16(_) => "i16",
            Self::I32(_) => "i32",
            Self::I64(_) => "i64",
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
        }
    }

    /// The elements as little-endian bytes.
    #[must_use]
    pub fn to_le_bytes(&self) -> Vec<u8> {
        each!(self, data => data.iter().flat_map(|n| n.to_le_bytes()).collect())
    }

    /// Reads elements of `dtype` from little-endian bytes; `None` for an unknown type or a torn element.
    #[must_use]
    pub fn from_le_bytes(dtype: &str, bytes: &[u8]) -> Option<Self> {
        fn read<T, const N: usize>(bytes: &[u8], from: fn([u8; N]) -> T) -> Option<Box<[T]>> {
            let (elements, rest) = bytes.as_chunks::<N>();
            rest.is_empty().then(|| elements.iter().map(|e| from(*e)).collect())
        }
        Some(match dtype {
            "u8" => Self::U8(bytes.into()),
            "i16" => Self::I16(read(bytes, i16::from_le_bytes)?),
            "i32" => Self::I32(read(bytes, i32::from_le_bytes)?),
            "i64" => Self::I64(read(bytes, i64::from_le_bytes)?),
            "f32" => Self::F32(read(bytes, f32::from_le_bytes)?),
            "f64" => Self::F64(read(bytes, f64::from_le_bytes)?),
            _ => return None,
        })
    }

    /// The element at `index` as a value.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value> {
        each!(self, data => data.get(index).map(|n| Value::from(*n)))
    }
}

/// Numbers in row-major order with a shape whose product is their count.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    numbers: Numbers,
    shape: Vec<usize>,
}

impl Array {
    /// A one-dimensional array.
    #[must_use]
    pub fn new(numbers: Numbers) -> Self {
        let shape = vec![numbers.len()];
        Self { numbers, shape }
    }

    /// An array of the given shape; `None` if the shape's product is not the count of numbers.
    #[must_use]
    pub fn with_shape(numbers: Numbers, shape: Vec<usize>) -> Option<Self> {
        let product = shape.iter().try_fold(1_usize, |product, n| product.checked_mul(*n))?;
        (product == numbers.len()).then_some(Self { numbers, shape })
    }

    /// The numbers in row-major order.
    #[must_use]
    pub fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// The length of each dimension, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many numbers there are in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

impl From<Vec<f64>> for Array {
    fn from(samples: Vec<f64>) -> Self {
        Self::new(Numbers::F64(samples.into()))
    }
}

impl From<Vec<f32>> for Array {
    fn from(samples: Vec<f32>) -> Self {
        Self::new(Numbers::F32(samples.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_must_account_for_every_number() {
        let numbers = Numbers::F32(vec![0.0; 6].into());
        assert!(Array::with_shape(numbers.clone(), vec![2, 3]).is_some());
        assert!(Array::with_shape(numbers.clone(), vec![4]).is_none());
        assert!(Array::with_shape(numbers, vec![usize::MAX, 2]).is_none());
    }

    #[test]
    fn little_endian_bytes_round_trip_and_a_torn_element_is_refused() {
        let numbers = Numbers::I16(vec![1, -2, 300].into());
        assert_eq!(Numbers::from_le_bytes("i16", &numbers.to_le_bytes()), Some(numbers));
        assert_eq!(Numbers::from_le_bytes("i16", &[1, 2, 3]), None);
    }
}
