//! SiLU, written so that a compiler turns a loop of it into vectors.

/// eˣ to 2e-7 of its value, between 2⁻¹²⁶ and 2¹²⁶: eˣ = 2ⁿ·2ᶠ with n a whole number and |f| ≤ ½.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    /// Added to a number below 2²², it leaves the whole part in the lowest bits.
    const WHOLE: f32 = 12_582_912.0;
    let t = (x * std::f32::consts::LOG2_E).clamp(-126.0, 126.0);
    let n = t + WHOLE;
    let f = t - (n - WHOLE);
    // ln 2 to the k, divided by k!
    const TAYLOR: [f32; 6] = [
        1.540_353_e-4,
        1.333_355_8e-3,
        9.618_129e-3,
        5.550_411e-2,
        2.402_265e-1,
        6.931_472e-1,
    ];
    let power = TAYLOR.iter().fold(0.0, |sum, c| (sum + c) * f) + 1.0;
    f32::from_bits(power.to_bits().wrapping_add(n.to_bits() << 23))
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// x·sigmoid(x).
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

/// The derivative of [`silu`].
#[inline(always)]
pub fn silu_slope(x: f32) -> f32 {
    let s = sigmoid(x);
    s + x * s * (1.0 - s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_that_of_the_standard_library() {
        for i in -8_000..=8_000 {
            let x = i as f32 / 100.0;
            let (ours, theirs) = (exp(x), x.exp());
            assert!(
                (ours - theirs).abs() <= 4e-7 * (1.0 + x.abs()) * theirs,
                "{x}: {ours}, {theirs}"
            );
        }
    }

    #[test]
    fn far_out_and_beyond_numbers() {
        assert_eq!(silu(f32::INFINITY), f32::INFINITY);
        assert!(silu(-1e30).abs() < 1e-6);
        assert_eq!(silu(1e30), 1e30);
        assert!(silu(f32::NAN).is_nan());
    }

    #[test]
    fn the_slope_is_the_derivative() {
        for i in -80..=80 {
            let x = i as f32 / 10.0;
            let h = 1e-2;
            let slope = (silu(x + h) - silu(x - h)) / (2.0 * h);
            assert!((slope - silu_slope(x)).abs() < 1e-4, "{x}");
        }
    }
}
