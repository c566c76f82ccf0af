//! Runs the same work on many items on all cores, with results in the order of the items; or two works at the same time.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Does `work` on every item and returns the results in the items' order.
///
/// `progress` receives (done, total) on the calling thread, first with 0 done.
pub fn in_order<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut progress: impl FnMut(usize, usize),
) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let next = AtomicUsize::new(0);
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    progress(0, items.len());
    thread::scope(|scope| {
        // One result a thread may wait, so that none waits for the progress to be shown.
        let (sender, receiver) = mpsc::sync_channel(threads);
        for _ in 0..threads {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    if sender.send((at, work(item))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (done, (at, result)) in receiver.into_iter().enumerate() {
            results[at] = Some(result);
            progress(done + 1, items.len());
        }
    });
    // A thread that panicked has made the scope panic, so every place is filled.
    results.into_iter().flatten().collect()
}

/// Does both at the same time, the first on a thread of its own, and returns both results. A panic of either goes on here.
pub fn both<A: Send, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        (first.join().unwrap_or_else(|panic| resume_unwind(panic)), second)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_items_and_progress_only_grows() {
        let items: Vec<u64> = (0..200).collect();
        let mut heard = Vec::new();
        // The first items take longest, so that later ones finish before them.
        let busy = |item: &u64| (0..(200 - item) * 500).fold(*item, |sum, n| std::hint::black_box(sum ^ n ^ n));
        let results = in_order(&items, busy, |done, total| heard.push((done, total)));
        assert_eq!(results, items);
        assert_eq!(heard, (0..=200).map(|done| (done, 200)).collect::<Vec<_>>());
    }

    #[test]
    fn both_works_are_done_at_the_same_time() {
        // Each waits for the other, so one after the other would never end.
        let together = std::sync::Barrier::new(2);
        let work = |result| {
            together.wait();
            result
        };
        assert_eq!(both(|| work(1), || work(2)), (1, 2));
    }

    #[test]
    fn no_items_are_no_work() {
        assert!(in_order(&[] as &[u8], |item| *item, |_, _| ()).is_empty());
    }
}
