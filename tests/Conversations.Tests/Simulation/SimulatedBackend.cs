using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// How the simulated model sees a context: items as they are, and a state that is a hash of all of them in order. One
/// for each activation, so that it can tell whether an item is rendered twice.
/// </summary>
internal sealed class SimulatedBackend : IModelBackend
{
    public const string Model = "m";
    private readonly HashSet<Item> _rendered = new(ReferenceEqualityComparer.Instance);

    public string Rendering => "simulated";

    public IReadOnlyList<string> Models { get; } = [Model];

    public bool TakesOpenCalls => true;

    public int RenderCalls => _rendered.Count;

    public IStateCodec States { get; } = new HashCodec();

    public bool Serves(string model) => model == Model;

    public Rendered Render(Item item, object? state)
    {
        if (!_rendered.Add(item))
        {
            throw new BrokenInvariantException(Invariant.WorkOnce, "an item is rendered twice in one activation");
        }

        return new Rendered(item.Json, 1, Behind((ulong)(state ?? 0UL), item.Json.Span));
    }

    /// <summary>The state behind one more item.</summary>
    public static ulong Behind(ulong state, ReadOnlySpan<byte> json) =>
        (ulong.RotateLeft(state, 7) ^ Crc32C.Compute(json)) * 0x9E3779B97F4A7C15;

    public IAsyncEnumerable<ModelEvent> StreamAsync(ModelCall call, CancellationToken cancellationToken) =>
        throw new NotSupportedException("the simulation calls no model");

    private sealed class HashCodec : IStateCodec
    {
        public void Write(Item item, object? before, object after, PayloadWriter output) =>
            output.Number((long)(ulong)after);

        public object Read(Item item, object? before, ref PayloadReader input) => (ulong)input.Number();
    }
}
