//! Where everything stands: layers from left to right (Sugiyama, Tagawa, Toda 1981).
//!
//! ```text
//! lines ──layers──> a layer for each node ──order──> few crossings ──place──> straight lines ──route──> curves
//!                   a bend in every layer that a line passes
//! ```

mod layers;
mod order;
mod place;
mod ports;
mod route;

use self::{layers::Layers, ports::Ports};

/// A node to be placed.
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A line to be led. Lines with the same end share it.
pub(super) struct Wire {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The number of the output at its node, and of the input.
    pub(super) ends: [usize; 2],
    /// The room that its labels need at both ends.
    pub(super) labels: [f64; 2],
    /// Whether it is marked as leading back.
    pub(super) back: bool,
}

/// A point.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A piece of a line.
#[derive(Debug)]
pub(super) enum Piece {
    /// Straight to a point.
    Straight(Point),
    /// By two control points to a third (a cubic Bézier curve).
    Curve(Point, Point, Point),
    /// By one control point to a second (a quadratic one).
    Corner(Point, Point),
}

/// A line that was led.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) start: Point,
    pub(super) pieces: Vec<Piece>,
    pub(super) end: Point,
    /// For a line that leads back, the middle of its way and whether it passes below the nodes.
    pub(super) middle: Option<(Point, bool)>,
}

/// Everything in its place: the centres of nodes, and the lines.
pub(super) struct Layout {
    pub(super) centres: Vec<Point>,
    pub(super) paths: Vec<Path>,
    /// The left top corner of what is drawn, and its right bottom one.
    pub(super) corners: [Point; 2],
}

/// Room between ports of a node.
pub(super) const PORT: f64 = 18.0;

/// Places `nodes` and leads `wires`.
pub(super) fn layout(nodes: &[Size], wires: &[Wire]) -> Layout {
    let mut layers = Layers::new(nodes.len(), wires);
    order::order(&mut layers);
    let mut heights: Vec<f64> = nodes.iter().map(|node| node.height).collect();
    heights.resize(layers.vertices(), place::BEND);
    let first = place::place(&layers, &heights, &Ports::none(wires.len()));
    let ports = Ports::new(wires, &layers, &first);
    let y = place::place(&layers, &heights, &ports);
    route::route(nodes, wires, &layers, &y, &ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(count: usize, edges: &[(usize, usize, bool)]) -> Layout {
        let nodes: Vec<Size> = (0..count).map(|_| Size { width: 100.0, height: 46.0 }).collect();
        let wire = |(from, to, back): &(usize, usize, bool)| Wire {
            from: *from,
            to: *to,
            ends: [0, 0],
            labels: [0.0, 0.0],
            back: *back,
        };
        layout(&nodes, &edges.iter().map(wire).collect::<Vec<_>>())
    }

    #[test]
    fn a_chain_is_a_straight_line_to_the_right() {
        let layout = drawn(3, &[(0, 1, false), (1, 2, false)]);
        let [a, b, c] = layout.centres[..] else { panic!("three nodes") };
        assert!((a.y - b.y).abs() < 0.5 && (b.y - c.y).abs() < 0.5, "{:?}", layout.centres);
        assert!(a.x < b.x && b.x < c.x);
    }

    #[test]
    fn nodes_of_a_layer_do_not_overlap() {
        let edges: Vec<_> = (1..9).flat_map(|at| [(0, at, false), (at, 9, false)]).collect();
        let layout = drawn(10, &edges);
        let mut across: Vec<f64> = (1..9).map(|at| layout.centres[at].y).collect();
        across.sort_by(f64::total_cmp);
        assert!(across.windows(2).all(|pair| pair[1] - pair[0] > 46.0), "{across:?}");
    }

    #[test]
    fn a_line_back_passes_outside_the_nodes() {
        let layout = drawn(3, &[(0, 1, false), (1, 2, false), (2, 0, true), (1, 1, true)]);
        for path in &layout.paths[2..] {
            let (middle, _) = path.middle.unwrap();
            assert!(layout.centres.iter().all(|centre| (centre.y - middle.y).abs() > 23.0), "{middle:?}");
        }
    }

    #[test]
    fn a_cycle_that_nobody_marked_is_drawn_all_the_same() {
        let layout = drawn(3, &[(0, 1, false), (1, 2, false), (2, 0, false), (1, 1, false)]);
        assert_eq!(layout.paths.iter().filter(|path| path.middle.is_some()).count(), 2);
    }

    #[test]
    fn nothing_is_drawn_outside_the_corners() {
        let layout = drawn(4, &[(0, 1, false), (1, 2, false), (2, 0, true), (0, 3, false), (3, 0, true)]);
        let [least, most] = layout.corners;
        for centre in &layout.centres {
            assert!(centre.x > least.x && centre.x < most.x && centre.y > least.y && centre.y < most.y);
        }
        assert!(drawn(0, &[]).centres.is_empty());
    }
}
