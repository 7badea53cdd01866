//! Whether a run is going wrong, before its loss is not a number any more.

/// Steps that pass before anything is said, and about as many the running means go over.
const SPAN: f64 = 100.0;

/// As [`SPAN`], of what the gradients have been just now.
const RECENT: f64 = 10.0;

/// The loss may be so many times its best: of batches of one it may be twice as much by chance.
const RISEN: f64 = 3.0;

/// The gradients may be so many times as long as before.
const LONGER: f64 = 5.0;

/// Listens to each step of a run.
pub struct Alarm {
    steps: u64,
    loss: Mean,
    best: f64,
    norm: Mean,
    recent_norm: Mean,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            steps: 0,
            loss: Mean::over(SPAN),
            best: f64::INFINITY,
            norm: Mean::over(SPAN),
            recent_norm: Mean::over(RECENT),
        }
    }
}

impl Alarm {
    /// A sentence, if what was heard up to this step looks like a run that will not end well.
    pub fn hear(&mut self, step: u64, loss: f64, gradient_norm: f64) -> Option<String> {
        self.steps += 1;
        let (loss, norm) = (self.loss.add(loss), self.norm.add(gradient_norm));
        let recent = self.recent_norm.add(gradient_norm);
        if (self.steps as f64) < SPAN {
            return None;
        }
        self.best = self.best.min(loss);
        let what = if loss > RISEN * self.best {
            format!("the loss has risen from {:.3} to {loss:.3}", self.best)
        } else if recent > LONGER * norm {
            format!("the gradient has grown from {norm:.3} to {recent:.3}")
        } else {
            return None;
        };
        Some(format!(
            "warning: at step {step} {what} (means over some steps): if it stays there, begin another run with a lower \
             --learning-rate, elsewhere with --runs DIR"
        ))
    }
}

/// A mean in which a number counts the less the longer ago it was, by a share of 1/span a step.
struct Mean {
    share: f64,
    sum: f64,
    weight: f64,
}

impl Mean {
    fn over(span: f64) -> Self {
        Self {
            share: 1.0 / span,
            sum: 0.0,
            weight: 0.0,
        }
    }

    /// The mean with one more number.
    fn add(&mut self, value: f64) -> f64 {
        self.sum += self.share * (value - self.sum);
        self.weight += self.share * (1.0 - self.weight);
        // It begins at 0, which is made up for.
        self.sum / self.weight
    }
}
