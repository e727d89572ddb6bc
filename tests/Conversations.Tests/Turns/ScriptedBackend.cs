using System.Runtime.CompilerServices;
using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>
/// A model that tests speak for. Its rendering is what its server calls the item, the item's JSON and a newline; its
/// state counts items, so that a rescan or a wrong order shows.
/// </summary>
internal sealed class ScriptedBackend(
    string model = "m", string rendering = "scripted", bool moves = true, bool takesOpenCalls = true)
    : IModelBackend
{
    /// <summary>The rendering that takes items as they are.</summary>
    public const string Verbatim = "verbatim";

    public string Rendering => rendering;

    public IReadOnlyList<string> Models { get; } = [model];

    public bool TakesOpenCalls => takesOpenCalls;

    public string? Refuse(string field, ReadOnlyMemory<byte> json) =>
        !takesOpenCalls && field is "moderation" or "context_management" ? field : null;

    public int RenderCalls { get; private set; }

    public IStateCodec? States { get; } = moves ? new PlaceCodec() : null;

    public bool Serves(string name) => name == model;

    public Rendered Render(Item item, object? state)
    {
        RenderCalls++;
        var place = (int)(state ?? 0) + 1;
        if (rendering == Verbatim)
        {
            return new Rendered(item.Json, 1, place);
        }

        var name = item.Origin is { } origin && origin.Server == rendering ? " " + origin.Kept : string.Empty;
        var head = Encoding.UTF8.GetBytes($"{rendering} {place}{name}: ");
        var bytes = head.Concat(item.Json.ToArray()).Append((byte)'\n');
        return new Rendered(bytes.ToArray(), 1, place);
    }

    public async IAsyncEnumerable<ModelEvent> StreamAsync(ModelCall call,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        yield return new ModelEvent(ModelEventKind.Completed);
    }

    private sealed class PlaceCodec : IStateCodec
    {
        public void Write(Item item, object? before, object after, PayloadWriter output) =>
            output.Number((int)after - (int)(before ?? 0));

        public object Read(Item item, object? before, ref PayloadReader input) => input.Int() + (int)(before ?? 0);
    }
}
