//! Noise from a seed: always the same, and Gaussian.

use unnoise::rng::gaussian;

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let len = values.len() as f64;
    values.sum::<f64>() / len
}

/// Stored values, compared bit by bit: a seed means the same picture in every version, on every
/// machine.
#[test]
fn golden() {
    assert_eq!(
        gaussian(7, 0, 4),
        [
            -0.7753719091415405,
            -1.383421778678894,
            0.8897129893302917,
            0.3597790598869324
        ]
    );
    assert_eq!(
        gaussian(7, 1, 4),
        [
            1.0263856649398804,
            -1.8126389980316162,
            0.8288601636886597,
            0.09693455696105957
        ]
    );
    assert_eq!(
        gaussian(u64::MAX, u64::MAX, 2),
        [-0.9524596333503723, -0.49452075362205505]
    );
}

/// One hash over many draws, so that the rare ones, from the tail and the wedges of the ziggurat,
/// are among them (FNV-1a over the bits).
#[test]
fn golden_tail() {
    let draws = gaussian(7, 0, 100_000);
    assert!(draws.iter().any(|x| x.abs() > 3.7), "no draw from the tail");
    let hash = draws.iter().fold(0xcbf2_9ce4_8422_2325, |hash, x| {
        (hash ^ x.to_bits()).wrapping_mul(0x0100_0000_01b3_u64)
    });
    assert_eq!(hash, 154_498_811_593_373_605);
}

#[test]
fn repeats_and_prefixes_agree() {
    let draws = gaussian(7, 3, 784);
    assert_eq!(draws, gaussian(7, 3, 784));
    assert_eq!(draws[..10], gaussian(7, 3, 10));
    assert!(gaussian(7, 3, 0).is_empty());
}

/// What a tensor of f32 takes is what was drawn.
#[test]
fn every_draw_is_an_f32() {
    let draws = gaussian(7, 0, 10_000);
    assert!(draws.iter().all(|&x| f64::from(x as f32) == x));
}

/// Correlations of 1e5 pairs have a standard error of 0.0032.
#[test]
fn seeds_and_streams_are_independent() {
    let draws = [(7, 0), (7, 1), (7, 2), (8, 0)].map(|(seed, i)| gaussian(seed, i, 100_000));
    for (i, a) in draws.iter().enumerate() {
        for b in &draws[..i] {
            let correlation = mean(a.iter().zip(b).map(|(a, b)| a * b));
            assert!(correlation.abs() < 0.013, "{correlation}");
        }
        let shifted = mean(a.iter().zip(&a[1..]).map(|(a, b)| a * b));
        assert!(shifted.abs() < 0.013, "{shifted}");
    }
}

/// Four standard errors of 1e5 draws from N(0, 1): 0.0032, 0.0045, 0.0077 and 0.0155.
#[test]
fn moments() {
    for stream in 0..4 {
        let draws = gaussian(7, stream, 100_000);
        let moment = |power| mean(draws.iter().map(|x: &f64| x.powi(power)));
        for (power, expected, error) in [
            (1, 0.0, 0.013),
            (2, 1.0, 0.018),
            (3, 0.0, 0.049), // sqrt(15 / n)
            (4, 3.0, 0.124), // sqrt(96 / n)
        ] {
            let found = moment(power);
            assert!(
                (found - expected).abs() < error,
                "moment {power} is {found}"
            );
        }
        let kurtosis = moment(4) / moment(2).powi(2);
        assert!((kurtosis - 3.0).abs() < 0.062, "kurtosis is {kurtosis}"); // sqrt(24 / n)
    }
}
