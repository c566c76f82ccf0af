//! Fits a smooth surface to the bright part of a grid.

/// Terms of the fit: second order, plus the fourth power of the distance to the centre, which is how lenses lose
/// light. More terms would follow cells.
const TERMS: usize = 7;

/// Ridge term that keeps the surface flat where nearly all of the grid is covered by cells.
const RIDGE: f64 = 0.5;

/// How far below the surface (natural logarithm of green, where every stain absorbs) a block must lie to lose three
/// quarters of its weight, per iteration. Wide at first, so that shading is not taken for cells.
const ROUNDS: [f64; 7] = [0.20, 0.12, 0.08, 0.05, 0.04, 0.03, 0.03];

/// The surface per channel through the blocks that are `seen` and that no cell darkens, all in natural logarithms, row
/// by row. `None` if the fit cannot be solved.
pub(super) fn surface(blocks: &[[f64; 3]], seen: &[bool], columns: usize, rows: usize) -> Option<Vec<[f64; 3]>> {
    let place = |at: usize, of: usize| (at as f64 + 0.5) / of as f64 * 2.0 - 1.0;
    let terms: Vec<[f64; TERMS]> = (0..rows * columns)
        .map(|at| {
            let (x, y) = (place(at % columns, columns), place(at / columns, rows));
            let squared = x * x + y * y;
            [1.0, x, y, x * x, x * y, y * y, squared * squared]
        })
        .collect();
    let mut weights: Vec<f64> = seen.iter().map(|seen| if *seen { 1.0 } else { 0.0 }).collect();
    let mut fitted = Vec::new();
    for round in ROUNDS {
        let coefficients = solve(&terms, blocks, &weights)?;
        fitted = terms
            .iter()
            .map(|terms| {
                let mut value = [0.0; 3];
                for (term, coefficient) in terms.iter().zip(&coefficients) {
                    (0..3).for_each(|c| value[c] += term * coefficient[c]);
                }
                value
            })
            .collect::<Vec<[f64; 3]>>();
        for (((weight, block), fitted), _) in
            weights.iter_mut().zip(blocks).zip(&fitted).zip(seen).filter(|(_, seen)| **seen)
        {
            let off = (block[1] - fitted[1]).min(0.0) / round;
            *weight = (1.0 + off * off).powi(-2);
        }
    }
    Some(fitted)
}

/// Weighted least squares by Gaussian elimination; the ridge makes the matrix positive definite.
fn solve(terms: &[[f64; TERMS]], values: &[[f64; 3]], weights: &[f64]) -> Option<[[f64; 3]; TERMS]> {
    let mut matrix = [[0.0; TERMS]; TERMS];
    let mut right = [[0.0; 3]; TERMS];
    for ((terms, value), weight) in terms.iter().zip(values).zip(weights) {
        for i in 0..TERMS {
            (0..TERMS).for_each(|j| matrix[i][j] += weight * terms[i] * terms[j]);
            (0..3).for_each(|c| right[i][c] += weight * terms[i] * value[c]);
        }
    }
    (1..TERMS).for_each(|i| matrix[i][i] += RIDGE);
    for i in 0..TERMS {
        if matrix[i][i].abs() < 1e-9 {
            return None;
        }
        for j in i + 1..TERMS {
            let factor = matrix[j][i] / matrix[i][i];
            let (upper, lower) = (matrix[i], &mut matrix[j]);
            lower.iter_mut().zip(upper).for_each(|(lower, upper)| *lower -= factor * upper);
            let (upper, lower) = (right[i], &mut right[j]);
            lower.iter_mut().zip(upper).for_each(|(lower, upper)| *lower -= factor * upper);
        }
    }
    let mut solution = [[0.0; 3]; TERMS];
    for i in (0..TERMS).rev() {
        for c in 0..3 {
            let known: f64 = (i + 1..TERMS).map(|k| matrix[i][k] * solution[k][c]).sum();
            solution[i][c] = (right[i][c] - known) / matrix[i][i];
        }
    }
    Some(solution)
}
