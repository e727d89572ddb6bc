using Evergrain.Conversations.Context;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Moving;

/// <summary>The parameter values of a conversation, each once, and the sets of them that turns have.</summary>
internal sealed class ParameterTable
{
    private readonly List<HeldValue> _values = [];
    private readonly Dictionary<HeldValue, int> _loose = new(ReferenceEqualityComparer.Instance);
    private readonly List<Parameters> _sets = [];
    private readonly Dictionary<Parameters, int> _numbers = new(ReferenceEqualityComparer.Instance);
    private readonly int _held;

    /// <summary>Begins with the values that are found again: first those that the journal numbers.</summary>
    public ParameterTable(ParameterStore store)
    {
        _values.AddRange(store.Numbered);
        foreach (var value in store.Loose)
        {
            AddLoose(value);
        }

        _held = _values.Count;
    }

    /// <summary>Notes a turn's set; its values without a number may be found by no one else any more.</summary>
    public void Add(Parameters set)
    {
        if (!_numbers.TryAdd(set, _sets.Count))
        {
            return;
        }

        _sets.Add(set);
        foreach (var value in set.Values)
        {
            if (value.Number < 0 && !_loose.ContainsKey(value))
            {
                AddLoose(value);
            }
        }
    }

    public int NumberOf(Parameters set) => _numbers[set];

    public void Write(SnapshotWriter output)
    {
        output.Payload.Number(_values.Count);
        for (var i = 0; i < _values.Count; i++)
        {
            Write(output, _values[i], isHeld: i < _held);
        }

        output.Payload.Number(_sets.Count);
        foreach (var set in _sets)
        {
            output.Payload.Number(set.Values.Length);
            foreach (var value in set.Values)
            {
                output.Payload.Number(value.Number >= 0 ? value.Number : _loose[value]);
            }
        }
    }

    /// <summary>Reads the values, which go to the store only when the whole snapshot was read.</summary>
    public static MovedParameters Read(ref SnapshotReader input)
    {
        var values = new List<HeldValue>();
        var held = new List<HeldValue>();
        var numbered = 0;
        for (var left = input.Payload.Count(); left > 0; left--)
        {
            var (value, isHeld) = ReadValue(ref input, ref numbered);
            values.Add(value);
            if (isHeld)
            {
                held.Add(value);
            }
        }

        var sets = new List<Parameters>();
        for (var left = input.Payload.Count(); left > 0; left--)
        {
            var set = new HeldValue[input.Payload.Count()];
            for (var i = 0; i < set.Length; i++)
            {
                var place = input.Payload.Int();
                set[i] = place >= 0 && place < values.Count
                    ? values[place]
                    : throw new FormatException($"parameter value {place} is not there");
            }

            sets.Add(new Parameters(set));
        }

        return new MovedParameters(held, sets);
    }

    private void AddLoose(HeldValue value)
    {
        _loose.Add(value, _values.Count);
        _values.Add(value);
    }

    private static void Write(SnapshotWriter output, HeldValue value, bool isHeld)
    {
        output.Payload.Flag(value.Number >= 0);
        output.Payload.Flag(isHeld);
        output.Text(value.Field);
        output.Payload.Bytes(value.Json.Span);
        var isOwn = value.Echo.Equals(value.Json);
        output.Payload.Flag(isOwn);
        if (!isOwn)
        {
            output.Payload.Bytes(value.Echo.Span);
        }
    }

    private static (HeldValue Value, bool IsHeld) ReadValue(ref SnapshotReader input, ref int numbered)
    {
        var (isNumbered, isHeld, field) = (input.Payload.Flag(), input.Payload.Flag(), input.Text());
        if (ParameterFields.Find(field) is null)
        {
            throw new FormatException($"parameter '{field}' is not known");
        }

        // In arrays of their own, by which backends know what they made of a value before.
        var json = input.Payload.Bytes().ToArray();
        var echo = input.Payload.Flag() ? json : input.Payload.Bytes().ToArray();
        return (new HeldValue(isNumbered ? numbered++ : -1, field, json, echo), isHeld);
    }
}

/// <summary>The parameters of a snapshot.</summary>
/// <param name="Held">Values that are found again, those with a number in its order.</param>
/// <param name="Sets">The sets that turns have.</param>
internal sealed record MovedParameters(IReadOnlyList<HeldValue> Held, IReadOnlyList<Parameters> Sets);
