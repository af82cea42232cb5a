//! Paired measurement: all candidates once in every round; medians over rounds.

use std::{collections::BTreeMap, time::Instant};

use rustix::time::{ClockId, clock_gettime};

fn cpu_ns() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// The machine, for the record.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    format!("machine: {cores} cores,{}", model.trim_start_matches(['\t', ':']))
}

/// Whether one candidate is run for a tool that counts its instructions.
pub(crate) fn is_counting() -> bool {
    Counted::from_args().is_some()
}

/// One candidate in one round, per node.
#[derive(Clone, Copy, Default)]
pub(crate) struct Measured {
    pub(crate) cpu_ns: f64,
    pub(crate) wall_ns: f64,
}

/// All rounds of one comparison.
pub(crate) struct Round {
    title: String,
    per: f64,
    order: Vec<String>,
    samples: BTreeMap<String, Vec<Measured>>,
    counted: Option<Counted>,
}

/// The one candidate to run, and how often, where a tool counts its instructions.
#[derive(Clone)]
pub(crate) struct Counted {
    pub(crate) name: String,
    pub(crate) rounds: usize,
}

impl Counted {
    /// From `--only NAME --rounds N` on the command line.
    pub(crate) fn from_args() -> Option<Self> {
        let after = |option: &str| std::env::args().skip_while(|arg| arg != option).nth(1);
        let name = after("--only")?;
        Some(Self { name, rounds: after("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(1) })
    }
}

impl Round {
    /// A comparison whose figures are divided by `per` nodes.
    pub(crate) fn new(title: &str, per: usize) -> Self {
        Self {
            title: title.to_owned(),
            per: per as f64,
            order: Vec::new(),
            samples: BTreeMap::new(),
            counted: Counted::from_args(),
        }
    }

    /// Runs `count` rounds after one to warm up.
    pub(crate) fn run(&mut self, count: usize, mut round: impl FnMut(&mut Self)) {
        let counted = self.counted.as_ref().map(|counted| counted.rounds);
        if counted.is_none() {
            round(self);
            self.samples.clear();
        }
        for _ in 0..counted.unwrap_or(count) {
            round(self);
        }
    }

    /// Measures a candidate once.
    pub(crate) fn measure(&mut self, name: &str, work: impl FnOnce()) {
        if let Some(counted) = &self.counted {
            // No clock either: valgrind knows no vDSO.
            if counted.name == name {
                work();
            }
            return;
        }
        let (cpu, wall) = (cpu_ns(), Instant::now());
        work();
        let wall_ns = wall.elapsed().as_nanos() as f64 / self.per;
        let measured = Measured { cpu_ns: (cpu_ns() - cpu) / self.per, wall_ns };
        if !self.order.iter().any(|known| known == name) {
            self.order.push(name.to_owned());
        }
        self.samples.entry(name.to_owned()).or_default().push(measured);
    }

    /// The medians of a candidate.
    pub(crate) fn median(&self, name: &str) -> Measured {
        let samples = &self.samples[name];
        Measured {
            cpu_ns: median(samples.iter().map(|m| m.cpu_ns)),
            wall_ns: median(samples.iter().map(|m| m.wall_ns)),
        }
    }

    fn ratio(&self, name: &str, base: &str, of: impl Fn(&Measured) -> f64) -> f64 {
        median(self.samples[name].iter().zip(&self.samples[base]).map(|(a, b)| of(a) / of(b)))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints a table of medians, with ratios to `base`.
pub(crate) fn report(rounds: &Round, base: &str) {
    println!("\n{}", rounds.title);
    println!(
        "  {:<30} {:>12} {:>12} {:>9} {:>9} {:>12}",
        "", "CPU ns/node", "wall ns/node", "CPU x", "wall x", "CPU added ns"
    );
    for name in &rounds.order {
        let m = rounds.median(name);
        let (cpu, wall) = (rounds.ratio(name, base, |m| m.cpu_ns), rounds.ratio(name, base, |m| m.wall_ns));
        let added =
            median(rounds.samples[name].iter().zip(&rounds.samples[base]).map(|(a, b)| a.cpu_ns - b.cpu_ns));
        println!("  {name:<30} {:>12.1} {:>12.1} {cpu:>9.2} {wall:>9.3} {added:>12.1}", m.cpu_ns, m.wall_ns);
    }
}
