using System.Runtime.CompilerServices;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Demo;

/// <summary>
/// The built-in model: deterministic, needs no server and no network. Without a script it says what the server just
/// did; with a line <c>@@script [steps]</c> or <c>@@script64 base64</c> in a user message it plays the steps, one a
/// call, and so drives real clients through whole tool loops.
/// </summary>
/// <remarks>
/// Its rendering is each item's own JSON. Tokens are estimated as a quarter of the bytes, rounded up. The same items
/// give the same answers, call ids included, on every node.
/// </remarks>
/// <param name="models">The model names it answers to.</param>
/// <param name="time">What <c>delay_ms</c> and <c>chunk_ms</c> are measured by.</param>
/// <param name="callsMax">How many calls it says that it takes at a time; it does not count them itself.</param>
public sealed class DemoBackend(IReadOnlyList<string> models, TimeProvider time, int callsMax = int.MaxValue)
    : IModelBackend
{
    private readonly string[] _models = [.. models];

    /// <inheritdoc/>
    public string Rendering => "demo";

    /// <inheritdoc/>
    public IReadOnlyList<string> Models => _models;

    /// <inheritdoc/>
    public int CallsMax => callsMax;

    /// <inheritdoc/>
    public bool TakesOpenCalls => true;

    /// <inheritdoc/>
    public IStateCodec States { get; } = new DemoStates();

    /// <inheritdoc/>
    public string? Refuse(string field, ReadOnlyMemory<byte> json) => ChatMembers.Refuse(field, json);

    /// <inheritdoc/>
    public bool Serves(string model) => Array.IndexOf(_models, model) >= 0;

    /// <inheritdoc/>
    public Rendered Render(Item item, object? state)
    {
        var before = state as DemoState ?? DemoState.Start;
        return new Rendered(item.Json, Estimate.Tokens(item.Json.Length), before.After(item));
    }

    /// <inheritdoc/>
    /// <remarks>Where a step asks for no delay all events are there at once: nothing is awaited.</remarks>
    public async IAsyncEnumerable<ModelEvent> StreamAsync(
        ModelCall call, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var (wait, modelEvent) in new DemoAnswer(call).Events())
        {
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, time, cancellationToken);
            }

            cancellationToken.ThrowIfCancellationRequested();
            yield return modelEvent;
        }
    }
}

/// <summary>How tokens are estimated where no tokenizer is at hand.</summary>
internal static class Estimate
{
    private const int BytesPerToken = 4;

    public static int Tokens(int bytes) => (int)Tokens((long)bytes);

    public static long Tokens(long bytes) => (bytes + BytesPerToken - 1) / BytesPerToken;
}
