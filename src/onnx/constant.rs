//! Numbers that a file holds.

use tract_core::internal::{Datum, Tensor};

use super::messages::Constant;

/// ONNX's codes of the types of numbers that networks for cells hold.
const FLOAT: i32 = 1;
const UINT8: i32 = 2;
const INT8: i32 = 3;
const INT32: i32 = 6;
const INT64: i32 = 7;

/// Numbers in one constant, at most: a network for cells has a few millions in all.
const MOST: usize = 1 << 26;

impl Constant {
    /// The array that it stands for, or what is wrong with it.
    pub(super) fn tensor(&self) -> Result<Tensor, String> {
        let lengths: Option<Vec<usize>> = self.shape.iter().map(|length| usize::try_from(*length).ok()).collect();
        let count = |lengths: &[usize]| lengths.iter().try_fold(1_usize, |count, length| count.checked_mul(*length));
        let (Some(shape), true) = (&lengths, lengths.as_deref().and_then(count).is_some_and(|count| count <= MOST))
        else {
            return Err(format!("has the shape {:?}", self.shape));
        };
        match self.of {
            FLOAT => array(shape, &self.bytes, &self.floats, f32::from_le_bytes),
            UINT8 => array(shape, &self.bytes, &narrow(&self.integers)?, u8::from_le_bytes),
            INT8 => array(shape, &self.bytes, &narrow(&self.integers)?, i8::from_le_bytes),
            INT32 => array(shape, &self.bytes, &self.integers, i32::from_le_bytes),
            INT64 => array(shape, &self.bytes, &self.long_integers, i64::from_le_bytes),
            other => Err(format!("has numbers of ONNX's type {other}, which this program cannot compute")),
        }
    }
}

fn narrow<T: TryFrom<i32>>(numbers: &[i32]) -> Result<Vec<T>, String> {
    let narrow = numbers.iter().map(|number| T::try_from(*number).ok()).collect::<Option<_>>();
    narrow.ok_or_else(|| "has a number that is too large for its type".into())
}

/// An array of the numbers in `raw`, or of `listed` if there are none.
fn array<T: Datum + Copy, const BYTES: usize>(
    shape: &[usize],
    raw: &[u8],
    listed: &[T],
    number: fn([u8; BYTES]) -> T,
) -> Result<Tensor, String> {
    let (pieces, rest) = raw.as_chunks::<BYTES>();
    let numbers: Vec<T> =
        if raw.is_empty() { listed.to_vec() } else { pieces.iter().map(|piece| number(*piece)).collect() };
    let wanted: usize = shape.iter().product();
    if numbers.len() != wanted || !rest.is_empty() {
        return Err(format!("has {} numbers instead of {wanted}", numbers.len()));
    }
    Tensor::from_shape(shape, &numbers).map_err(|error| format!("cannot be read: {error}"))
}
