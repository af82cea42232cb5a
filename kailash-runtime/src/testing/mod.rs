//! The conformance suite of runtimes: what everything that implements [`Runtime`] must do.
//!
//! A check is an async function over a factory of runtimes; it panics with the rule that was broken. Tests expand the
//! suite with [`runtime_conformance!`](crate::runtime_conformance), so that each check is a test of its own:
//!
//! ```
//! mod local {
//!     kailash_runtime::runtime_conformance!(kailash_runtime::LocalRuntime::with_settings);
//! }
//! # fn main() {}
//! ```
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a check panics with the rule that was broken and prints its times"
)]
#![expect(clippy::missing_panics_doc, reason = "a check panics with the rule that was broken")]

mod aside;
mod branches;
mod cancel;
mod concurrency;
mod cycles;
mod cycles_nested;
mod events;
mod failures;
mod foreach;
mod lab;
mod limits;
mod memory;
mod node;
mod panics;
mod parameters;
mod retries;
mod scopes;
mod size;
mod stream_faults;
mod streams;
mod suspension;
mod threads;
mod tools;
mod tried;
mod values;

use std::{sync::Arc, time::Duration};

use kailash_core::{Services, node::BoxFuture};
pub use lab::{Flow, Lab, registry};
pub use node::{FLAVOURS, Flavour, Node, one, only};
pub use tools::{Counter, Gate, Gauge};

use crate::{Runtime, Settings};

/// Makes the runtime under test.
pub type Make = Arc<dyn Fn(Services, Settings) -> Arc<dyn Runtime> + Send + Sync>;

/// A check: it panics if a rule is broken.
pub type Check = fn(Make) -> BoxFuture<'static, ()>;

/// The longest time for one check; far above what any needs, so that a run that never ends is a failed check.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a check on an executor of its own.
pub fn run_check(check: Check, make: Make) {
    let executor = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let executor = executor.expect("an executor for the check");
    let ended = executor.block_on(async { tokio::time::timeout(PATIENCE, tokio::spawn(check(make))).await });
    executor.shutdown_background();
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
        Err(_) => panic!("the check ends within {PATIENCE:?}"),
    }
}

/// Names every check once: for [`checks`] and for [`runtime_conformance!`](crate::runtime_conformance).
macro_rules! suite {
    ($dollar:tt $($module:ident { $($check:ident),* $(,)? })*) => {
        /// Every check by name.
        #[must_use]
        pub fn checks() -> Vec<(&'static str, Check)> {
            vec![$($((stringify!($check), |make| Box::pin($module::$check(make)))),*),*]
        }

        /// Makes a test of each check. The argument makes a runtime, or fails to, from services and settings.
        #[macro_export]
        macro_rules! runtime_conformance {
            ($dollar make:expr) => {
                $($(
                    #[test]
                    fn $check() {
                        $crate::testing::run_named(stringify!($check), $dollar make);
                    }
                )*)*
            };
        }
    };
}

/// A factory of runtimes that `make` makes, which the settings of a check never keep from it.
pub fn maker<R: Runtime + 'static>(
    make: impl Fn(Services, Settings) -> kailash_core::Result<R> + Send + Sync + 'static,
) -> Make {
    Arc::new(move |services, settings| {
        Arc::new(make(services, settings).expect("the check's settings are good"))
    })
}

/// Runs the check called `name` on runtimes that `make` makes.
pub fn run_named<R: Runtime + 'static>(
    name: &str,
    make: impl Fn(Services, Settings) -> kailash_core::Result<R> + Send + Sync + 'static,
) {
    let check = checks().into_iter().find(|(known, _)| *known == name).expect("the check is in the suite").1;
    run_check(check, maker(make));
}

suite! {
    $
    values {
        a_diamond_gives_the_results_of_each_node,
        a_value_comes_from_connection_then_parameter_then_config_then_default,
        a_dot_path_leads_into_maps_and_lists,
        a_missing_path_fails_the_node_that_wanted_it,
        a_missing_path_into_a_cycle_fails_the_node_that_wanted_it,
        a_value_of_a_wrong_kind_fails_its_node,
        of_several_connections_into_an_input_the_last_alive_wins,
        more_outputs_than_declared_are_an_internal_error,
        a_nodes_error_arrives_as_it_was,
    }
    parameters {
        missing_inputs_are_all_told_before_anything_runs,
        a_required_input_that_only_the_way_back_feeds_is_missing,
        unknown_parameters_are_all_refused,
        a_value_for_a_static_parameter_is_refused,
        a_parameter_of_a_wrong_kind_is_refused,
        a_flat_parameter_goes_to_every_node_that_declares_it,
        a_node_with_open_inputs_takes_parameters_by_any_name,
        the_documents_own_parameters_are_checked_and_overridden,
        a_missing_service_is_refused_and_named,
        checking_refuses_what_running_would_and_runs_nothing,
    }
    branches {
        an_untaken_branch_is_skipped_with_all_that_hangs_on_it,
        a_join_of_both_branches_runs,
        a_required_input_on_an_untaken_branch_skips_its_node,
        an_untaken_branch_leaves_an_input_to_its_config,
        an_open_input_on_an_untaken_branch_is_null,
        a_node_after_nothing_but_untaken_branches_is_skipped_though_config_would_do,
    }
    cycles {
        a_cycle_stops_when_it_converges,
        a_cycle_takes_at_most_max_iterations,
        a_value_that_grows_deeper_at_each_turn_fails_the_cycle,
        a_cycle_stops_when_its_condition_no_longer_holds,
        a_cycle_stops_when_nothing_leads_back,
        conditions_see_the_outputs_of_every_node_of_the_cycle,
        two_connections_with_one_id_close_one_cycle,
        a_value_from_outside_stays_for_each_turn,
        the_way_back_wins_over_the_way_in,
        an_open_input_has_nothing_from_the_way_back_at_the_first_turn,
        turns_are_told_apart_in_unit_ids_and_keys,
        a_failure_in_a_cycle_names_node_and_turn_and_keeps_the_turn,
        a_condition_that_cannot_be_evaluated_fails_the_run,
        a_connection_marked_as_cycle_that_closes_none_leads_forward,
    }
    cycles_nested {
        an_inner_cycle_turns_in_full_for_each_turn_around_it,
        an_inner_cycle_gets_values_from_outside_both,
        cycles_three_deep_turn_as_often_as_their_product,
        two_cycles_through_the_same_nodes_turn_together,
    }
    scopes {
        a_nested_workflow_is_fed_and_tapped,
        all_results_of_a_nested_workflow_are_a_map,
        an_optional_input_that_is_not_fed_leaves_the_inner_config,
        an_inner_branch_not_taken_is_one_outside_too,
        a_cycle_inside_a_nested_workflow_is_fed,
        a_nested_workflow_in_a_cycle_runs_each_turn,
        a_failure_in_a_nested_workflow_fails_it_and_names_the_way,
        a_missing_path_in_an_inner_output_fails_the_nested_workflow,
        a_pipeline_inside_a_nested_workflow_is_fed,
        options_that_a_nested_workflow_could_not_honour_are_refused,
        nesting_too_deep_is_refused_with_a_clear_issue,
    }
    foreach {
        results_are_in_the_order_of_the_items,
        no_more_items_than_allowed_are_under_way,
        an_empty_list_gives_an_empty_list,
        a_failed_item_fails_the_node_once_under_every_policy,
        a_failed_item_is_null_where_the_node_says_so,
        an_item_whose_output_has_no_such_path_is_a_failed_item,
        a_failure_deep_inside_an_item_is_that_items,
        ten_thousand_items_are_no_trouble,
        ten_thousand_failed_items_are_no_trouble,
        what_is_no_list_fails_the_node,
        shared_inputs_are_the_same_for_every_item,
    }
    tried {
        a_failure_within_is_told_as_a_value,
        without_a_failure_the_error_is_a_branch_not_taken,
        what_does_not_depend_on_a_told_failure_ends_before_it_is_told,
        of_several_told_failures_it_is_that_of_the_first_unit_by_its_id,
        a_failure_however_deep_is_told,
        the_innermost_that_can_takes_a_failure,
        a_missing_path_in_an_inner_output_is_told,
        a_node_is_tried_again_before_its_failure_is_told,
        a_failure_beside_it_is_one_of_the_run,
        nothing_is_told_when_the_run_is_cancelled,
    }
    failures {
        fail_fast_gives_up_what_is_under_way_and_starts_nothing_more,
        skip_dependents_skips_what_depends_and_runs_the_rest,
        continue_runs_what_can_do_without_the_failed_node,
        a_failing_leaf_fails_the_run,
        every_failure_is_told,
        a_workflows_own_policy_goes_before_the_settings,
        consumed_values_are_dropped_on_failure_too,
    }
    panics {
        a_panic_fails_its_node_in_every_kind_of_body,
        a_panic_before_the_future_exists_fails_its_node,
        a_panic_in_blocking_code_fails_its_node,
        blocking_code_gives_its_result,
        a_panic_hurts_no_other_run_of_the_runtime,
        a_panicking_hook_hurts_nobody,
    }
    retries {
        a_node_is_tried_until_it_succeeds,
        attempts_end_at_the_most_allowed,
        what_cannot_succeed_is_not_tried_again,
        waits_between_attempts_are_kept,
        a_wait_that_the_failure_asks_for_is_kept,
        each_retry_is_told,
        a_breaker_opens_over_runs_and_closes_after_a_trial,
        a_breaker_that_opens_between_attempts_does_not_hide_the_failure,
    }
    limits {
        an_async_node_past_its_limit_is_given_up,
        a_busy_compute_node_past_its_limit_is_left_behind,
        a_busy_inline_node_past_its_limit_is_left_behind,
        a_busy_lifted_node_does_not_keep_its_run_past_its_limit,
        what_is_under_way_ends_while_others_are_always_ready,
        a_node_in_time_is_not_touched_by_its_limit,
        a_limit_counts_for_each_attempt,
        compute_nodes_that_wait_for_a_thread_are_not_past_their_limit,
        stuck_threads_are_counted_up_to_a_cap_and_down_again,
        a_run_answers_at_its_limit,
        a_run_of_tiny_nodes_answers_at_its_limit,
        a_workflows_own_limit_counts_too,
    }
    cancel {
        a_cancelled_run_answers_at_once_and_drops_its_bodies,
        a_cancelled_run_of_tiny_nodes_answers,
        a_body_that_asks_sees_that_its_run_was_cancelled,
        compute_at_work_is_told_when_its_run_has_failed,
        a_run_whose_future_is_dropped_stops,
        dropping_the_handle_lets_the_run_go_on,
        a_run_cancelled_before_it_began_runs_nothing,
    }
    concurrency {
        a_run_that_computes_without_end_leaves_room_for_another,
        independent_async_nodes_run_at_the_same_time,
        no_more_async_nodes_than_allowed_are_under_way,
        limits_that_allow_nothing_are_refused,
        one_plan_serves_a_hundred_runs_at_a_time,
        every_node_runs_once_in_a_wide_and_deep_workflow,
    }
    events {
        every_node_is_told_of_once_and_in_order,
        a_scope_begins_before_and_ends_after_what_is_in_it,
        a_failure_in_a_stream_is_told_of_the_node_that_failed,
        hooks_are_called_with_every_event_whether_or_not_somebody_listens,
        nothing_is_told_after_the_end,
        a_slow_listener_misses_events_and_slows_nobody,
        progress_names_its_node,
    }
    memory {
        consumed_outputs_are_dropped_where_only_leaves_are_kept,
        everything_is_kept_by_default_and_dropped_with_the_results,
        an_output_with_several_readers_lives_until_the_last,
        a_payload_goes_through_a_hundred_nodes_without_a_copy,
        the_last_reader_of_a_list_may_change_it_in_place,
    }
    streams {
        items_flow_through_lifted_bodies_to_a_sink,
        a_source_feeds_two_sinks,
        two_sources_feed_one_stage_at_inputs_of_their_own,
        branches_of_a_stream_join_again,
        a_slow_consumer_holds_its_producer_back,
        a_pipeline_waits_for_its_whole_inputs,
        a_pipeline_on_an_untaken_branch_is_skipped,
        a_pipeline_in_a_cycle_runs_each_turn,
        nodes_of_a_pipeline_have_ids_of_their_own,
        a_stage_with_open_inputs_takes_parameters_by_any_name,
        a_source_without_stream_connections_is_refused,
    }
    stream_faults {
        a_failed_consumer_stops_its_producer_and_is_named,
        a_failed_source_is_named,
        a_panic_in_a_stage_fails_its_node,
        a_lifted_body_that_fails_is_named,
        a_stream_is_cancelled_midway,
        a_stream_ends_at_the_time_limit_of_its_run,
        a_stream_around_a_node_that_does_not_stream_is_refused,
        a_whole_value_beside_a_stream_between_the_same_nodes_is_refused,
        a_stream_into_a_cycle_is_refused,
        a_lifted_body_takes_one_stream_only,
        a_node_that_cannot_stream_is_refused,
        options_that_a_stage_could_not_honour_are_refused,
    }
    suspension {
        a_node_that_is_not_declared_as_suspending_may_not,
        a_node_is_woken_by_time,
        a_node_is_woken_by_a_signal_with_its_inputs_and_value,
        a_signal_that_comes_early_is_kept,
        others_run_while_a_node_waits,
        a_run_that_waits_is_cancelled_and_ends_at_its_time_limit,
        many_items_wait_at_once,
        only_so_many_signals_are_kept,
    }
    aside {
        a_run_is_put_aside_and_goes_on_where_it_was,
        a_run_put_aside_is_woken_by_time_that_came_meanwhile,
        a_signal_sent_before_a_run_was_put_aside_is_not_lost,
        a_signal_that_nobody_waits_for_is_kept_without_letting_the_run_go_on,
        a_run_that_can_keep_no_more_signals_still_takes_the_one_it_waits_for,
        events_of_a_run_that_was_put_aside_are_numbered_on,
        events_of_a_run_that_was_cut_off_never_have_a_number_again,
        a_run_that_is_wound_down_ends_what_is_under_way_and_goes_on_later,
        a_run_without_a_journal_cannot_be_wound_down,
        a_run_is_recorded_before_it_is_admitted_and_holds_its_permit_to_the_end,
        a_run_cancelled_before_it_is_admitted_runs_nothing,
        what_a_run_gave_is_recalled_from_its_journal,
    }
    threads {
        blocking_execution_works_outside_any_executor,
        blocking_execution_works_inside_executors_of_both_kinds,
        async_execution_works_on_an_executor_with_one_thread,
        async_execution_without_an_executor_is_a_clear_error,
    }
    size {
        a_chain_of_a_hundred_thousand_nodes_runs_and_is_dropped,
        a_hundred_thousand_skipped_nodes_are_no_trouble,
        ten_thousand_nodes_into_one_and_out_of_one,
        a_cycle_of_ten_thousand_nodes_turns,
        a_cycle_of_a_hundred_thousand_turns_ends,
        cycles_in_cycles_without_end_are_refused,
    }
}
