using Evergrain.Conversations.Context;

namespace Evergrain.Conversations.Moving;

/// <summary>
/// The segments of a snapshot, each behind the one it continues, and how much of each its branches use: what evicted
/// turns left behind that does not move.
/// </summary>
internal sealed class SegmentTable
{
    private readonly Dictionary<Segment, int> _numbers = new(ReferenceEqualityComparer.Instance);
    private readonly List<Segment> _segments = [];
    private readonly List<int> _used = [];

    public int Count => _segments.Count;

    public Segment this[int index] => _segments[index];

    public int UsedOf(int index) => _used[index];

    /// <summary>Notes a branch that moves.</summary>
    public void Add(Branch branch)
    {
        var missing = new Stack<Branch>();
        for (; branch.Segment is { } segment; branch = segment.Parent)
        {
            if (_numbers.TryGetValue(segment, out var number))
            {
                _used[number - 1] = Math.Max(_used[number - 1], branch.Count);
                break;
            }

            missing.Push(branch);
        }

        foreach (var (segment, count) in missing)
        {
            _segments.Add(segment!);
            _used.Add(count);
            _numbers.Add(segment!, _segments.Count);
        }
    }

    /// <summary>Writes a branch whose segment was noted.</summary>
    public void Write(SnapshotWriter output, Branch branch)
    {
        output.Payload.Number(branch.Segment is { } segment ? _numbers[segment] : 0);
        if (branch.Segment is not null)
        {
            output.Payload.Number(branch.Count);
        }
    }

    /// <summary>Reads a branch into the segments read so far.</summary>
    public static Branch Read(ref SnapshotReader input, List<Segment> segments)
    {
        var number = input.Payload.Int();
        if (number == 0)
        {
            return default;
        }

        var segment = number > 0 && number <= segments.Count
            ? segments[number - 1]
            : throw new FormatException($"segment {number} is not there");
        var count = input.Payload.Int();
        return count > 0 && count <= segment.Count
            ? new Branch(segment, count)
            : throw new FormatException($"a branch has {count} items of a segment's {segment.Count}");
    }
}
