using System.Diagnostics.CodeAnalysis;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Context;

/// <summary>
/// Holds each distinct parameter value of a conversation once. A create whose values are all known costs a hash and a
/// comparison per field, whatever the values' size means for parsing.
/// </summary>
internal sealed class ParameterStore
{
    private readonly Dictionary<ValueKey, HeldValue> _byValue = new(ValueKeyComparer.Instance);
    private readonly List<HeldValue> _byNumber = [];
    private Parameters? _last;
    private int _nextNumber;
    private long _looseBytes;

    /// <summary>Bytes held.</summary>
    public long Bytes { get; private set; }

    /// <summary>
    /// The held form of a value: known, or validated, echoed and, if the caller says so, held from now on.
    /// </summary>
    /// <exception cref="Ports.ConversationException">The value is not what the field takes.</exception>
    public HeldValue Hold(ParameterField field, ReadOnlyMemory<byte> json)
    {
        if (_byValue.TryGetValue(new ValueKey(field.Name, json), out var held))
        {
            return held;
        }

        ReadOnlyMemory<byte> copy = json.ToArray();
        held = new HeldValue(-1, field.Name, copy, ParameterEcho.Of(field, copy));
        MakeRoom(held);
        Keep(held);
        return held;
    }

    /// <summary>
    /// Gives values that have none a number; says which those are: their records go before the turn's.
    /// </summary>
    public List<HeldValue> Number(List<HeldValue> values)
    {
        var fresh = new List<HeldValue>();
        for (var i = 0; i < values.Count; i++)
        {
            if (values[i].Number < 0)
            {
                // Another turn may have given it a number since it was held.
                var known = _byValue.GetValueOrDefault(new ValueKey(values[i].Field, values[i].Json));
                if (known is { Number: >= 0 })
                {
                    values[i] = known;
                    continue;
                }

                values[i] = values[i] with { Number = _nextNumber++ };
                Keep(values[i]);
                fresh.Add(values[i]);
            }
        }

        return fresh;
    }

    /// <summary>Applies a journaled value.</summary>
    public void Apply(int number, string field, ReadOnlyMemory<byte> json)
    {
        if (number < _byNumber.Count)
        {
            return;
        }

        if (!_byValue.TryGetValue(new ValueKey(field, json), out var held) || held.Number != number)
        {
            var copy = json.ToArray();
            var known = ParameterFields.Find(field) ?? throw new FormatException($"parameter '{field}' is not known");
            held = new HeldValue(number, field, copy, ParameterEcho.Of(known, copy));
            Keep(held);
        }

        _byNumber.Add(held);
        _nextNumber = Math.Max(_nextNumber, number + 1);
    }

    /// <summary>The values with a number, in its order.</summary>
    public IReadOnlyList<HeldValue> Numbered => _byNumber;

    /// <summary>The values without one that are found again.</summary>
    public IEnumerable<HeldValue> Loose => _byValue.Values.Where(static value => value.Number < 0);

    /// <summary>Takes over the next numbered value, or one without a number.</summary>
    public void AddMoved(HeldValue value)
    {
        Keep(value);
        if (value.Number >= 0)
        {
            _byNumber.Add(value);
            _nextNumber = _byNumber.Count;
        }
    }

    /// <summary>A journaled value.</summary>
    public HeldValue ByNumber(int number) => _byNumber[number];

    /// <summary>The parameters of a journaled turn.</summary>
    public Parameters ByNumbers(IReadOnlyList<int> numbers) =>
        Of([.. numbers.Select(number => _byNumber[number])]);

    /// <summary>Parameters of these values; the same object as last time where they are the same.</summary>
    public Parameters Of(List<HeldValue> values)
    {
        if (_last is null || !_last.Values.SequenceEqual(values.ToArray()))
        {
            _last = new Parameters([.. values]);
        }

        return _last;
    }

    /// <summary>Forgets the values without a number.</summary>
    public void ForgetLoose()
    {
        if (_looseBytes > 0)
        {
            _last = null;
            foreach (var loose in Loose.ToList())
            {
                Forget(loose);
            }
        }
    }

    private static long SizeOf(HeldValue value) => value.Json.Length + value.Echo.Length + OverheadBytes;

    private void Keep(HeldValue value)
    {
        var key = new ValueKey(value.Field, value.Json);
        if (_byValue.TryGetValue(key, out var before))
        {
            Forget(before);
        }

        _byValue[key] = value;
        Bytes += SizeOf(value);
        _looseBytes += value.Number < 0 ? SizeOf(value) : 0;
    }

    private void Forget(HeldValue value)
    {
        _byValue.Remove(new ValueKey(value.Field, value.Json));
        Bytes -= SizeOf(value);
        _looseBytes -= value.Number < 0 ? SizeOf(value) : 0;
    }

    private void MakeRoom(HeldValue next)
    {
        if (_looseBytes + SizeOf(next) > Limits.LooseParameterBytesMax)
        {
            ForgetLoose();
        }
    }

    // A record, a dictionary entry, two array headers.
    private const int OverheadBytes = 150;

    private readonly record struct ValueKey(string Field, ReadOnlyMemory<byte> Json);

    private sealed class ValueKeyComparer : IEqualityComparer<ValueKey>
    {
        public static readonly ValueKeyComparer Instance = new();

        public bool Equals(ValueKey x, ValueKey y) => x.Field == y.Field && x.Json.Span.SequenceEqual(y.Json.Span);

        public int GetHashCode([DisallowNull] ValueKey obj)
        {
            var hash = default(HashCode);
            hash.Add(obj.Field, StringComparer.Ordinal);
            hash.AddBytes(obj.Json.Span);
            return hash.ToHashCode();
        }
    }
}
