//! The quickest of the ways to a convolution.

use super::{
    conv::{Conv, Padded, Panels, Shape},
    winograd::{self, Winograd},
};

/// A convolution's weights, made ready for one of the ways.
pub enum Way {
    /// Every number of the kernel with every pixel.
    Direct(Panels),
    /// With fewer multiplications.
    Winograd(Winograd),
}

/// What a picture is convolved in.
pub enum Room {
    /// Of [`Way::Direct`].
    Direct(Padded),
    /// Of [`Way::Winograd`].
    Winograd(winograd::Room),
}

impl Way {
    /// For a convolution with `weights`, output × input × kernel × kernel.
    pub fn new(shape: &Shape, weights: &[f32]) -> Self {
        let channels = [shape.output, shape.input];
        if Winograd::suits(shape) {
            Self::Winograd(Winograd::new(weights, channels))
        } else {
            Self::Direct(Conv::pack(weights, channels, shape.kernel))
        }
    }

    /// Room for a picture.
    pub fn room(&self, shape: &Shape) -> Room {
        match self {
            Self::Direct(_) => Room::Direct(Padded::of(shape)),
            Self::Winograd(_) => Room::Winograd(Winograd::room(shape)),
        }
    }

    /// conv(picture) + bias + residual, the picture being what `fill` puts into the padded one.
    pub fn run(
        &self,
        shape: &Shape,
        room: &mut Room,
        fill: impl FnOnce(&mut Padded),
        bias: Option<&[f32]>,
        residual: Option<&[f32]>,
        out: &mut [f32],
    ) {
        match (self, room) {
            (Self::Direct(weights), Room::Direct(padded)) => {
                fill(padded);
                let conv = Conv {
                    shape,
                    weights,
                    bias,
                    residual,
                    padded,
                    out,
                };
                conv.run();
            }
            (Self::Winograd(winograd), Room::Winograd(room)) => {
                winograd.run(shape, room, fill, bias, residual, out);
            }
            _ => unreachable!("a room is used for the way that it was made for"),
        }
    }
}
