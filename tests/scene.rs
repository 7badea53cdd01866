//! Coloured pictures: what is painted is what is measured, and what training never shows stays unseen.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use unnoise::{
    caption::{Phrasing, Said, describe},
    scene::{
        CHANNELS, COLOUR_JITTER, Colour, HELD_OUT, SIZE, Scene, Size, Slant, Strokes, Thickness,
        VALUES, measure,
    },
};

const SIDE: usize = 28;

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A "7": a bar and a leg.
fn seven() -> Strokes {
    let bar = |x: usize, y: usize| (5..7).contains(&y) && (7..21).contains(&x);
    let leg = |x: usize, y: usize| (6..24).contains(&y) && x.abs_diff(20 - (y - 6) / 2) < 2;
    let ink: Vec<f32> = (0..SIDE * SIDE)
        .map(|i| {
            let (x, y) = (i % SIDE, i / SIDE);
            f32::from(u8::from(bar(x, y) || (y >= 6 && leg(x, y))))
        })
        .collect();
    Strokes::of(&ink, SIDE).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn training_never_shows_what_is_held_out(seed in 0u64..1_000_000, digit in 0u8..10) {
        let scene = Scene::seen(digit, &mut random(seed));
        prop_assert!(!scene.held_out());
        prop_assert_ne!(scene.ink, HELD_OUT[usize::from(digit)]);
        prop_assert_ne!(scene.ink, scene.paper);
    }
}

/// The evaluation measures attributes: it has to find in a picture what was put into it. Colours without
/// fail; the others all but always, since where strokes touch, thinning loses some of them.
#[test]
fn what_is_painted_is_measured() {
    const SCENES: usize = 500;
    let mut wrong = [0; 3];
    for seed in 0..SCENES as u64 {
        let scene = Scene::random(7, &mut random(seed));
        let picture = scene.paint(&seven());
        assert_eq!(picture.len(), VALUES);
        assert!(picture.iter().all(|v| (-1.0..=1.0).contains(v)));
        let seen = measure(&picture).unwrap();
        assert_eq!((seen.ink(), seen.paper()), (scene.ink, scene.paper));
        let right = [
            seen.thickness() == scene.thickness,
            seen.slant() == scene.slant,
            seen.size() == scene.size,
        ];
        for (wrong, right) in wrong.iter_mut().zip(right) {
            *wrong += usize::from(!right);
        }
    }
    assert!(wrong.iter().all(|&n| n <= SCENES / 50), "{wrong:?}");
}

/// Ink between two points of the drawing, `width` pixels wide.
fn line(from: [f32; 2], to: [f32; 2], width: f32) -> Strokes {
    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    let length = dx.hypot(dy);
    let ink: Vec<f32> = (0..SIDE * SIDE)
        .map(|i| {
            let [x, y] = [(i % SIDE) as f32 - from[0], (i / SIDE) as f32 - from[1]];
            let along = ((x * dx + y * dy) / length.max(1e-3)).clamp(0.0, length);
            let [x, y] = [
                x - along * dx / length.max(1e-3),
                y - along * dy / length.max(1e-3),
            ];
            (width / 2.0 - x.hypot(y) + 0.5).clamp(0.0, 1.0)
        })
        .collect();
    Strokes::of(&ink, SIDE).expect("there is ink")
}

/// Columns and rows with ink.
fn box_of(picture: &[f32]) -> [usize; 2] {
    let cover = measure(picture).expect("something is drawn").cover;
    let has = |inked: &dyn Fn(usize, usize) -> usize| {
        (0..SIZE)
            .filter(|&i| (0..SIZE).any(|j| cover[inked(i, j)] > 0.5))
            .count()
    };
    [has(&|x, y| y * SIZE + x), has(&|y, x| y * SIZE + x)]
}

/// A dash leans nowhere and has no height; it is as wide as a digit may be, and is drawn by the pen that was
/// asked for, however it is turned.
#[test]
fn a_dash_stays_a_dash() {
    for seed in 0..60 {
        for tilt in [-2.0, -0.5, 0.0, 0.3, 1.5] {
            let dash = line([5.0, 14.0 + tilt], [23.0, 14.0 - tilt], 2.5);
            let scene = Scene::random(1, &mut random(seed));
            let picture = scene.paint(&dash);
            let [width, height] = box_of(&picture);
            let widest = (1.4 * scene.exact.height).min(60.0) as usize;
            assert!(
                width.abs_diff(widest) <= 5,
                "{width} pixels wide: {scene:?}"
            );
            assert!(height <= widest / 2, "{height} pixels high: {scene:?}");
            // What is tilted may be turned further, and is then a line that leans.
            if tilt.abs() < 1.0 {
                let seen = measure(&picture).unwrap();
                let off = seen.pen / scene.exact.pen - 1.0;
                assert!(off.abs() < 0.4, "{off}: {scene:?}");
                assert_eq!(seen.slant(), Slant::Upright, "{scene:?}");
            }
        }
    }
}

#[test]
fn an_upright_line_is_a_digit() {
    for seed in 0..60 {
        for width in [1.5, 2.0, 3.0] {
            let scene = Scene::random(1, &mut random(seed));
            let picture = scene.paint(&line([14.0, 5.0], [14.0, 23.0], width));
            let seen = measure(&picture).unwrap();
            assert_eq!(
                (seen.slant(), seen.size()),
                (scene.slant, scene.size),
                "{scene:?}"
            );
            let off = seen.pen / scene.exact.pen - 1.0;
            assert!(off.abs() < 0.3, "{off}: {scene:?}");
        }
    }
}

/// A dot is where the pen touches the paper, and it never vanishes, however wide it was drawn.
#[test]
fn a_dot_stays_a_dot() {
    for half_pixels in 4..16 {
        for offset in [0.0, 0.25, 0.5] {
            let at = [14.0 + offset, 14.0 + offset];
            let dot = line(at, at, half_pixels as f32 / 2.0);
            for seed in 0..10 {
                let scene = Scene::random(1, &mut random(seed));
                let [width, height] = box_of(&scene.paint(&dot));
                let pen = scene.exact.pen * scene.exact.height;
                let expected = pen.round().max(1.0) as usize;
                assert!(
                    width.abs_diff(expected) <= 2 && height.abs_diff(expected) <= 2,
                    "{width} x {height} with a pen of {pen}"
                );
            }
        }
    }
    // Four pixels: what is left of them all but vanished.
    let square: Vec<f32> = (0..SIDE * SIDE)
        .map(|i| {
            f32::from(u8::from(
                (13..15).contains(&(i % SIDE)) && (13..15).contains(&(i / SIDE)),
            ))
        })
        .collect();
    assert!(Strokes::of(&square, SIDE).is_some());
}

/// The networks have learned from what the painter paints: it must not change.
#[test]
fn digits_are_painted_as_ever() {
    let expected = [
        [-923.059, 0.128226, -0.444198, 50.2806],
        [5515.318, 0.134010, -0.525394, 36.0446],
        [6112.842, 0.130853, 0.438367, 25.4656],
    ];
    let painted = [3u64, 4, 5].map(|seed| {
        let picture = Scene::random(7, &mut random(seed)).paint(&seven());
        let seen = measure(&picture).unwrap();
        let sum: f64 = picture.iter().map(|&v| f64::from(v)).sum();
        [sum, seen.pen, seen.slant, seen.height]
    });
    for (painted, expected) in painted.iter().flatten().zip(expected.as_flattened()) {
        assert!(
            (painted - expected).abs() < 1e-3 * expected.abs(),
            "{painted} {expected}"
        );
    }
}

#[test]
fn the_same_seed_paints_the_same_picture() {
    let picture = |seed| Scene::random(7, &mut random(seed)).paint(&seven());
    assert_eq!(picture(3), picture(3));
    assert_ne!(picture(3), picture(4));
}

#[test]
fn colours_cannot_be_taken_for_each_other() {
    for a in Colour::ALL {
        assert_eq!(Colour::nearest(a.rgb()), a);
        for b in Colour::ALL.into_iter().filter(|&b| b != a) {
            let square: f32 = a
                .rgb()
                .iter()
                .zip(b.rgb())
                .map(|(a, b)| (a - b).powi(2))
                .sum();
            // The corners of both boxes of jitter are still nearer to their own middle.
            let reach = COLOUR_JITTER * (3f32).sqrt();
            assert!(square.sqrt() > 2.0 * reach, "{} {}", a.name(), b.name());
        }
    }
}

#[test]
fn nothing_drawn_is_nothing_measured() {
    assert_eq!(measure(&vec![0.25; VALUES]), None);
    assert_eq!(measure(&vec![f32::NAN; VALUES]), None);
    assert_eq!(measure(&[0.0; CHANNELS]), None);
    assert_eq!(Strokes::of(&[0.0; SIDE * SIDE], SIDE), None);
    let dot: Vec<f32> = (0..VALUES)
        .map(|i| {
            if i / CHANNELS == SIZE * 32 + 32 {
                1.0
            } else {
                -1.0
            }
        })
        .collect();
    if let Some(seen) = measure(&dot) {
        assert_eq!(seen.paper(), Colour::Black);
    }
}

/// No sentence contradicts its picture: what it says, and nothing else, decides its words.
#[test]
fn a_sentence_says_what_it_is_told_to() {
    let names = |scene: &Scene| {
        [
            scene.ink.name(),
            scene.paper.name(),
            scene.thickness.name(),
            scene.slant.name(),
            scene.size.name(),
        ]
    };
    for seed in 0..200 {
        let mut random = random(seed);
        let scene = Scene::random((seed % 10) as u8, &mut random);
        for phrasing in [Phrasing::Trained, Phrasing::Unseen] {
            let silent = describe(&scene, Said::default(), phrasing, &mut random);
            for colour in Colour::ALL {
                assert!(
                    !silent.split(' ').any(|word| word == colour.name()),
                    "{silent}"
                );
            }
            let said = describe(&scene, Said::ALL, phrasing, &mut random);
            assert!(said.split(' ').count() > 5, "{said}: {:?}", names(&scene));
        }
    }
}

#[test]
fn every_value_has_a_name_of_its_own() {
    let mut names: Vec<&str> = Colour::ALL.map(Colour::name).to_vec();
    names.extend(Thickness::ALL.map(Thickness::name));
    names.extend(Slant::ALL.map(Slant::name));
    names.extend(Size::ALL.map(Size::name));
    assert!(names.iter().all(|name| !name.is_empty()));
    let of_colours = &mut names[..Colour::ALL.len()];
    of_colours.sort_unstable();
    assert!(of_colours.windows(2).all(|pair| pair[0] != pair[1]));
}
