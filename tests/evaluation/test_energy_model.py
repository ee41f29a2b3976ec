"""What operations cost: the file shipped, files of one's own, and what they must not hold."""

from __future__ import annotations

from importlib.resources import files

import pytest
from tiny_networks import build, node, weights

from snnconv.costs.energy import AC_PJ, ENERGY_NOTE, MAC_PJ, EnergyModel
from snnconv.costs.operations import MemoryAccesses, Operations, SpikeWork
from snnconv.errors import FileError, InvalidValueError
from snnconv.evaluation import ann_activity, evaluate
from snnconv.neurons.spike_counts import SpikeCount

SHIPPED = files("snnconv.costs").joinpath("energy.toml").read_text()


@pytest.fixture
def written(tmp_path):
    """A file of one's own: the shipped one with replacements."""

    def write(*replaced, text=SHIPPED):
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return path

    return write


def test_the_shipped_prices_are_those_of_the_field(written):
    assert EnergyModel.load(written()) == EnergyModel.default()
    operations = EnergyModel.default().operations
    assert (MAC_PJ, AC_PJ) == (4.6, 0.9)
    assert operations.multiplication.value + operations.addition.value == pytest.approx(MAC_PJ)
    assert "Horowitz" in operations.addition.source


def test_the_note_says_what_is_in_the_estimate_and_what_is_not(written):
    assert ENERGY_NOTE == (
        "An operation-count estimate, not a measurement: 4.6 pJ a multiply-accumulate, 0.9 pJ a synaptic operation or "
        "addition (45 nm, 32-bit float; Horowitz 2014). Energy without another name is unary. Unary: a spike of "
        "level k is k additions. Power-of-two: 0.9 pJ an addition with a shift, for each power of two in a spike. "
        "Graded: 3.2 pJ a multiply-accumulate of integers, for each spike. Neuron updates and memory (5 pJ an "
        "access) have figures of their own, which are not in it; activation functions and uncounted operators are "
        "in none."
    )
    cheap = ("[memory.spike_write]\nvalue = 5.0", "[memory.spike_write]\nvalue = 1")
    note = EnergyModel.load(written(("value = 4.6", "value = 2"), ("45 nm, 32-bit float", "mine"), cheap)).note
    assert "2 pJ a multiply-accumulate" in note
    assert "(mine; " in note
    assert "(1 to 5 pJ an access)" in note
    assert "memory" not in EnergyModel.load(written(text=SHIPPED[: SHIPPED.index("[memory")])).note


def test_every_figure_is_its_counts_times_its_prices(written):
    accesses = MemoryAccesses(
        weight_read=1,
        value_read=2,
        value_write=3,
        potential_read=4,
        potential_write=5,
        spike_read=6,
        spike_write=7,
    )
    counted = {
        "macs_per_image": 10.0,
        "synops_per_image": 100.0,
        "additions_per_image": 5.0,
        "neuron_additions_per_image": 20.0,
        "neuron_multiplications_per_image": 3.0,
        "memory_accesses": accesses,
    }
    usual = Operations(**counted)
    assert usual.energy_pj_per_image == pytest.approx(4.6 * 10 + 0.9 * 105)
    assert usual.neuron_energy_pj_per_image == pytest.approx(0.9 * 20 + 3.7 * 3)
    assert usual.memory_energy_pj_per_image == 5 * 28
    dear = ("[memory.spike_read]\nvalue = 5.0", "[memory.spike_read]\nvalue = 7")
    model = EnergyModel.load(written(("value = 4.6", "value = 1"), ("value = 0.9", "value = 0"), dear))
    other = Operations(**counted, energy_model=model)
    assert other.energy_pj_per_image == 10
    assert other.neuron_energy_pj_per_image == pytest.approx(3.7 * 3)
    assert other.memory_energy_pj_per_image == 5 * 28 + 2 * 6
    without = EnergyModel.load(written(text=SHIPPED[: SHIPPED.index("[memory")]))
    assert Operations(**counted, energy_model=without).memory_energy_pj_per_image is None


def test_each_count_of_spikes_has_a_price(written):
    shipped = EnergyModel.default().operations
    assert [shipped.of_spikes(count) for count in SpikeCount] == [0.9, 0.9, pytest.approx(3.1 + 0.1)]
    replaced = [("shifted_addition]\nvalue = 0.9", "shifted_addition]\nvalue = 0.93"), ("value = 3.2", "value = 0.3")]
    model = EnergyModel.load(written(*replaced))
    assert [model.operations.of_spikes(count) for count in SpikeCount] == [0.9, 0.93, 0.3]
    works = {"power_of_two": SpikeWork(synops_per_image=50), "graded": SpikeWork(synops_per_image=40)}
    counted = Operations(macs_per_image=10, synops_per_image=100, additions_per_image=5, energy_model=model, **works)
    energies = [counted.estimate(count).energy_pj_per_image for count in SpikeCount]
    assert energies == [pytest.approx(46 + 4.5 + spikes) for spikes in (90, 50 * 0.93, 40 * 0.3)]


def test_a_file_of_the_earlier_form_prices_spikes_by_its_own_operations(written):
    """Files that name no price of spikes: a shift is free, and integers cost what its real values do."""
    start, end = SHIPPED.index("[operations.shifted_addition]"), SHIPPED.index("# One word of 32 bits")
    earlier = SHIPPED[:start] + SHIPPED[end:]
    assert "integer_multiply_accumulate" not in earlier
    model = EnergyModel.load(written(("value = 4.6", "value = 2"), ("value = 0.9", "value = 0.5"), text=earlier))
    assert [model.operations.of_spikes(count) for count in SpikeCount] == [0.5, 0.5, 2]
    assert "Graded: 2 pJ" in model.note


def test_an_evaluation_and_its_plain_network_take_another_model(written, snn, ann, images):
    model = EnergyModel.load(written(("value = 0.9", "value = 9")))
    usual, other = (evaluate(snn, images(snn.input), energy_model=each) for each in (EnergyModel.default(), model))
    assert other.operations.synops_per_image == usual.operations.synops_per_image
    spent = usual.operations.energy_pj_per_image - 4.6 * usual.operations.macs_per_image
    assert other.operations.energy_pj_per_image - 4.6 * other.operations.macs_per_image == pytest.approx(10 * spent)
    assert sum(layer.energy_pj_per_image for layer in other.layers) == pytest.approx(
        other.operations.energy_pj_per_image
    )
    assert "9 pJ a synaptic operation" in other.to_dict()["energy_note"]
    assert ann_activity(ann, energy_model=model).operations.energy_model == model


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("value = 4.6", "value = -1", r"\[operations.multiply_accumulate\]: value is -1.0: .* at least 0"),
        ("value = 4.6", "value = nan", "value is nan: it must be a finite number"),
        ("value = 4.6", "value = inf", "value is inf"),
        ("value = 4.6", 'value = "4.6"', r"value is '4.6': it must be a number"),
        ("value = 4.6", "value = true", "value is True: it must be a number"),
        ("value = 4.6", "", r"value must stand in \[operations.multiply_accumulate\]"),
        ("value = 4.6", "values = 4.6", r"unknown key 'values' .* did you mean 'value'\?"),
        ('unit = "pJ"', 'unit = "nJ"', "unit is 'nJ': it must be one of pJ"),
        ('source = "as weight_read"', 'source = " "', "source is empty"),
        ("[operations.addition]", "[operations.additions]", "did you mean 'addition'"),
        ("[operations.addition]", "[operations.multiply_accumulate.addition]", r"the table \[operations.addition\]"),
        ("[memory.spike_read]", "[memory.spikes]", "unknown key 'spikes'"),
        ("[memory.weight_read]", "[weight_read]", "unknown key 'weight_read' at the top of the file"),
        ('name = "45', 'title = "45', "unknown key 'title'"),
    ],
)
def test_what_a_file_must_not_hold(old, new, said, written):
    with pytest.raises(InvalidValueError, match=said) as refused:
        EnergyModel.load(written((old, new)))
    assert "mine.toml" in str(refused.value)


def test_tables_that_are_missing_are_named(written):
    start = SHIPPED.index("[memory.spike_read]")
    with pytest.raises(InvalidValueError, match=r"needs the table \[memory.spike_read\] and \[memory.spike_write\]"):
        EnergyModel.load(written(text=SHIPPED[:start]))
    with pytest.raises(InvalidValueError, match=r"needs the table \[operations\]"):
        EnergyModel.load(written(text='name = "mine"'))


def test_what_is_no_toml_file(written, tmp_path):
    with pytest.raises(FileError, match="no TOML file"):
        EnergyModel.load(written(text="name ="))
    with pytest.raises(FileError, match="does not exist"):
        EnergyModel.load(tmp_path / "none.toml")
    with pytest.raises(FileError, match="cannot be read"):
        EnergyModel.load(tmp_path)


def test_a_network_of_no_neurons_has_no_updates():
    model = build([node("Conv", ["input", "w"], "out")], {"w": weights(3, 2, 1, 1)}, (2, 4, 4))
    (layer,) = ann_activity(model).layers
    assert (layer.name, layer.operator, layer.macs_per_image) == ("out", "Conv2d", 6 * 16)
    assert layer.neuron_energy_pj_per_image == 0
