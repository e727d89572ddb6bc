using System.Runtime.CompilerServices;
using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>
/// A model that tests speak for. Its rendering is the item's JSON and a newline; its state counts items, so that a
/// rescan or a wrong order shows.
/// </summary>
internal sealed class ScriptedBackend(string model = "m", string rendering = "scripted") : IModelBackend
{
    public string Rendering => rendering;

    public IReadOnlyList<string> Models { get; } = [model];

    public int RenderCalls { get; private set; }

    public bool Serves(string name) => name == model;

    public Rendered Render(Item item, object? state)
    {
        RenderCalls++;
        var place = (int)(state ?? 0) + 1;
        var bytes = Encoding.UTF8.GetBytes($"{rendering} {place}: ").Concat(item.Json.ToArray()).Append((byte)'\n');
        return new Rendered(bytes.ToArray(), 1, place);
    }

    public async IAsyncEnumerable<ModelEvent> StreamAsync(ModelCall call,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        yield return new ModelEvent(ModelEventKind.Completed);
    }
}
