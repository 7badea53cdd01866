//! `unnoise sample`.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use clap::Args;

use super::{DeviceChoice, Failure, Generate, WeightsFolder, catch_interrupts, say_aside, warn};
use crate::{
    classes::Classes,
    denoiser::Denoiser,
    generation::{Negative, Request},
    library::Generator,
    native::{
        output::Output,
        sample::{self, SampleError, Sampling},
        store, text,
    },
};

#[derive(Args)]
pub struct Sample {
    /// What generates: digits, digits-blind, digits-estimated, scorer, scorer-plain, noise-level or text
    /// [default: digits, or text where there is a prompt]
    #[arg(long)]
    model: Option<Generator>,
    /// The digit, 0 to 9, or another class that the weights know, by its name or number [default: any]
    #[arg(long, visible_alias = "class", value_name = "DIGIT|CLASS", conflicts_with_all = ["balanced", "prompt", "prompts"])]
    digit: Option<String>,
    /// What the picture is to show, in words, by the model text
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["balanced", "prompts"])]
    prompt: Option<String>,
    /// A picture for each line of this file; --out is then a folder of 000000.png and so on
    #[arg(long, value_name = "FILE", conflicts_with_all = ["balanced", "count"])]
    prompts: Option<PathBuf>,
    /// What the pictures are not to show: a digit or class, or for the model text words; guidance leads away from it
    #[arg(long, value_name = "DIGIT|CLASS|TEXT", conflicts_with = "balanced")]
    negative: Option<String>,
    /// Pictures
    #[arg(long, default_value_t = 1, conflicts_with = "balanced", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// As many of each digit or class, this many in all; --out is then a folder of two files in MNIST's format
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    balanced: Option<u32>,
    /// The PNG to write, or the folder
    #[arg(long, value_name = "FILE|DIR")]
    out: PathBuf,
    #[command(flatten)]
    generate: Generate,
    #[command(flatten)]
    weights: WeightsFolder,
    #[command(flatten)]
    device: DeviceChoice,
}

impl Sample {
    pub fn run(&self, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
        let asked_in_words = self.prompt.is_some() || self.prompts.is_some();
        let model = match self.model {
            Some(model) if asked_in_words && model != Generator::Text => {
                return Err(format!(
                    "the model {model} knows no words: leave out --model, or give text"
                )
                .into());
            }
            Some(model) => model,
            None if asked_in_words => Generator::Text,
            None => Generator::default(),
        };
        let settings = self.generate.settings(model.defaults());
        settings.check()?;
        self.check(model)?;
        // Which digit, or class, only the weights can say; whether any can be asked for is known before.
        let any = |given: bool| given.then_some(0);
        let negative = self.negative.clone();
        let asked = Request {
            digit: any(self.digit.is_some()),
            prompt: self.prompt.clone(),
            negative: match model.takes_a_prompt() {
                true => negative.map(Negative::Prompt),
                false => negative.map(|_| Negative::Digit(0)),
            },
            ..Request::default()
        };
        model.check(&settings, &asked)?;
        let lines = self.prompts.as_deref().map(text::lines).transpose()?;
        if lines.as_ref().is_some_and(Vec::is_empty) {
            return Err("there is no line in the file of prompts: write a prompt on each".into());
        }

        let device = self.device.kind.open()?;
        let weights = &self.weights.folder;
        let library = store::exported(weights, model.networks(), &device)?;
        let denoiser = library.denoiser(model)?;
        let classes = denoiser.classes();
        let digit = self.digit.as_ref().map(|name| classes.find(name));
        let digit = digit.transpose()?;
        let negative = self.negative(model, &classes)?;
        let seed = self.generate.seed;
        let request = |i: u64, prompt: Option<&String>| Request {
            digit,
            prompt: prompt.cloned(),
            negative: negative.clone(),
            seed: seed.wrapping_add(i),
        };
        let requests: Vec<Request> = match (self.balanced, lines) {
            (Some(count), _) => sample::balanced(count as usize, seed, &classes),
            (None, Some(lines)) => {
                let lines = lines.iter().zip(0..);
                lines.map(|(line, i)| request(i, Some(line))).collect()
            }
            (None, None) => {
                let numbers = 0..u64::from(self.count);
                numbers.map(|i| request(i, self.prompt.as_ref())).collect()
            }
        };
        let sampling = Sampling {
            denoiser,
            decoder: library.decoder(model)?,
            settings,
            device: &device,
            interrupted,
        };
        if model == Generator::Text {
            let (_, tokenizer) = library.clip()?;
            let mut prompts: Vec<&str> = requests
                .iter()
                .filter_map(|r| r.prompt.as_deref())
                .collect();
            prompts.dedup();
            if let Some(Negative::Prompt(text)) = &negative {
                prompts.push(text);
            }
            for prompt in prompts {
                warn(&tokenizer, prompt);
            }
            let names = |prompt: &String| !tokenizer.encode(prompt).digits().is_empty();
            if !requests
                .iter()
                .all(|r| r.digit.is_some() || r.prompt.as_ref().is_some_and(names))
            {
                say_aside(&"where no digit is named, the picture's seed chooses one");
            }
        }
        // What cannot be written is found before minutes are spent on pictures.
        let shape = sampling.shape();
        let mut output = if self.balanced.is_some() {
            Output::mnist(&self.out, shape[1])?
        } else if self.prompts.is_some() {
            Output::folder(&self.out, shape)?
        } else {
            Output::sheet(&self.out, requests.len(), shape)?
        };
        catch_interrupts(interrupted)?;
        let mut keep = |request: &Request, picture: &[f32]| output.add(request, picture);
        match sampling.each(&requests, &mut keep) {
            Ok(()) => Ok(output.keep()?),
            Err(SampleError::Interrupted) if output.made() > 0 => {
                let made = output.made();
                output.keep()?;
                Err(format!(
                    "interrupted: the first {made} of {} pictures are in {}",
                    requests.len(),
                    self.out.display()
                )
                .into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Options that the model does not have are not taken in silence.
    fn check(&self, model: Generator) -> Result<(), Failure> {
        let missing = [
            (
                self.balanced.is_some() && !model.takes_a_digit(),
                "--balanced asks for digits",
            ),
            (
                self.digit.is_some() && !model.takes_a_digit(),
                "--digit asks for one",
            ),
        ];
        if let Some((_, what)) = missing.iter().find(|(missing, _)| *missing) {
            let instead = match model {
                Generator::Text => "takes --prompt and --prompts",
                _ => "draws what the noise leads to",
            };
            return Err(format!("{what}, and the model {model} {instead}").into());
        }
        Ok(())
    }

    /// What the model is to lead away from: a digit or class, or what a sentence says where it knows words.
    fn negative(&self, model: Generator, classes: &Classes) -> Result<Option<Negative>, Failure> {
        let Some(text) = &self.negative else {
            return Ok(None);
        };
        match classes.find(text) {
            Ok(class) => Ok(Some(Negative::Digit(class))),
            Err(_) if model.takes_a_prompt() => Ok(Some(Negative::Prompt(text.clone()))),
            Err(_) if classes.are_digits() => Err(format!(
                "--negative must be a digit, 0 to 9, not {text:?}: the model {model} knows no words"
            )
            .into()),
            Err(unknown) => Err(unknown.into()),
        }
    }
}
