//! Every order in which a few things can happen: the acts of a case, in their order, and the deliveries of what is on the
//! way, at every moment in between. Each order runs in a world of its own from the start.

use super::fixture::Fixture;
use crate::figures::show;
use crate::random::Random;
use crate::world::Link;

/// Orders that are run one by one. A case that has more is run in this number of them, and then in as many at random.
const ORDERS_MAX: usize = 2_000;

/// Deliveries after which an order is taken to go in a circle. The longest takes a tenth.
const DELIVERIES_MAX: usize = 1_000;

/// Something that happens to the players `T` of a case.
#[derive(Clone, Copy)]
pub(crate) enum Act<T> {
    /// It can always happen.
    Do(fn(&mut Fixture, &T)),
    /// It may not be possible yet: then it returns false, and happens later.
    Try(fn(&mut Fixture, &T) -> bool),
}

impl<T> Act<T> {
    fn happens(&self, fixture: &mut Fixture, players: &T) -> bool {
        match self {
            Act::Do(act) => {
                act(fixture, players);
                true
            }
            Act::Try(act) => act(fixture, players),
        }
    }
}

/// Runs the acts after `set_up` in every order of delivery, and checks after each that all shards agree at rest, and what
/// `finally` says.
pub(crate) fn in_every_order<T>(
    set_up: impl Fn() -> (Fixture, T),
    acts: &[Act<T>],
    finally: impl Fn(&mut Fixture, &T),
) {
    let mut choices = Choices::default();
    for nth in 0..2 * ORDERS_MAX {
        if nth >= ORDERS_MAX {
            choices = Choices { random: Some(Random::new(nth as u64)), ..Choices::default() };
        }
        let (mut fixture, players) = set_up();
        play(&mut fixture, &players, acts, &mut choices);
        finally(&mut fixture, &players);
        if nth < ORDERS_MAX && !choices.advance() {
            return show(format_args!("{} orders: all", nth + 1));
        }
    }
    show(format_args!("{ORDERS_MAX} orders, and as many at random"));
}

fn play<T>(fixture: &mut Fixture, players: &T, acts: &[Act<T>], choices: &mut Choices) {
    let mut left = acts.iter();
    for _ in 0..DELIVERIES_MAX {
        let links: Vec<Link> = fixture.world.busy_links().collect();
        let options = links.len() + usize::from(left.len() > 0);
        if options == 0 {
            return;
        }
        let choice = choices.choose(options);
        if let Some(link) = links.get(choice) {
            fixture.deliver(*link);
        } else if left.as_slice()[0].happens(fixture, players) {
            left.next();
        } else if links.is_empty() {
            return;
        } else {
            let choice = choices.choose(links.len());
            fixture.deliver(links[choice]);
        }
        for shard in 0..fixture.world.shards() {
            fixture.world.check_shard(shard);
        }
    }
    panic!("messages circulate for ever");
}

/// The choices of one order, and the way to the next one.
#[derive(Default)]
struct Choices {
    /// What was chosen, of how many.
    made: Vec<(usize, usize)>,
    at: usize,
    random: Option<Random>,
}

impl Choices {
    fn choose(&mut self, options: usize) -> usize {
        if let Some(random) = &mut self.random {
            return random.below(options);
        }
        if self.at == self.made.len() {
            self.made.push((0, options));
        }
        let (choice, of) = self.made[self.at];
        assert_eq!(of, options, "the same choices lead to the same place");
        self.at += 1;
        choice
    }

    /// Goes on to the next order in the manner of an odometer; false if there is none.
    fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((choice, options)) = self.made.pop() {
            if choice + 1 < options {
                self.made.push((choice + 1, options));
                return true;
            }
        }
        false
    }
}
