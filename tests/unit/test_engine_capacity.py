from pipelinerun.engine.capacity import has_types


def test_types_of_nodes_tell_an_autoscaler_from_the_reports_of_ray_itself() -> None:
    own = {"active_nodes": {"node_9e37fa65": 1, "node_5a9131e8": 1}, "idle_nodes": None}
    assert not has_types({"autoscaler_report": own})
    assert not has_types({})
    assert has_types({"autoscaler_report": {"active_nodes": {"headgroup": 1}}})
    assert has_types({"autoscaler_report": {"active_nodes": {}, "idle_nodes": {"workers": 2}}})
