using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// Three models for tests. <c>gated</c> says what the test says, when the test says it. <c>echo</c> answers at once
/// with the number of items it was given, and <c>thinking</c> reasons before that. An item is rendered as its JSON
/// and a newline.
/// </summary>
public sealed class GatedModel : IModelBackend
{
    private const int CallsMax = 16;
    private readonly ConcurrentDictionary<string, Channel<GatedCall>> _calls = new();

    public string Rendering => "gated";

    public IReadOnlyList<string> Models { get; } = ["gated", "echo", "thinking"];

    public bool TakesOpenCalls => true;

    public IStateCodec States { get; } = new CountCodec();

    /// <summary>What rendering does first: a test may throw, or wait, in the conversation's own loop.</summary>
    public Action<Item>? OnRender { get; set; }

    public bool Serves(string model) => Models.Contains(model);

    public Rendered Render(Item item, object? state)
    {
        OnRender?.Invoke(item);
        return new Rendered((byte[])[.. item.Json.Span, (byte)'\n'], 1, ((int?)state ?? 0) + 1);
    }

    /// <summary>The next call whose last item says this text.</summary>
    public Task<GatedCall> CallAsync(string text) =>
        Calls(text).Reader.ReadAsync(CancellationToken.None).AsTask().WaitAsync(Waits.Patience);

    /// <summary>How many calls about this text wait to be taken by the test.</summary>
    public int CountCalls(string text) => Calls(text).Reader.Count;

    public async IAsyncEnumerable<ModelEvent> StreamAsync(ModelCall call,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(call);
        if (call.Model != "gated")
        {
            foreach (var model in (IEnumerable<ModelEvent>)[
                .. call.Model == "thinking" ? Speech.Reasoning($"{call.Context.ItemCount}, hm") : [],
                .. Speech.Answer($"{call.Context.ItemCount} items")])
            {
                yield return model;
            }

            yield break;
        }

        var gated = new GatedCall(call);
        await Calls(gated.Text).Writer.WriteAsync(gated, cancellationToken);
        await foreach (var model in gated.ReadAsync(cancellationToken))
        {
            yield return model;
        }
    }

    private Channel<GatedCall> Calls(string text) =>
        _calls.GetOrAdd(text, static _ => Channel.CreateBounded<GatedCall>(CallsMax));

    /// <summary>The state is how many items there were, which every state says anew.</summary>
    private sealed class CountCodec : IStateCodec
    {
        public void Write(Item item, object? before, object after, PayloadWriter output) => output.Number((int)after);

        public object Read(Item item, object? before, ref PayloadReader input) => input.Int();
    }
}

/// <summary>One call of the gated model, in the hands of the test.</summary>
public sealed class GatedCall(ModelCall call)
{
    private const int EventsMax = 4096;
    private readonly Channel<ModelEvent> _events = Channel.CreateBounded<ModelEvent>(EventsMax);
    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ModelCall Call { get; } = call;

    /// <summary>Everything the model was given, rendered.</summary>
    public string Context { get; } = ContextOf(call);

    /// <summary>The text of the last item.</summary>
    public string Text => LastText(Context);

    /// <summary>Ends when the call was cancelled.</summary>
    public Task Cancelled => _cancelled.Task.WaitAsync(Waits.Patience);

    /// <summary>Whether a cancelled call goes on as if nothing had happened: a model server that hangs.</summary>
    public bool IgnoresCancel { get; set; }

    public async Task SayAsync(params ModelEvent[] events)
    {
        foreach (var model in events)
        {
            await _events.Writer.WriteAsync(model).AsTask().WaitAsync(Waits.Patience);
        }
    }

    /// <summary>Says one message and completes.</summary>
    public async Task AnswerAsync(string text = "hi")
    {
        await SayAsync(Speech.Answer(text));
        End();
    }

    /// <summary>Ends the stream, or breaks it.</summary>
    public void End(Exception? fault = null) => _events.Writer.TryComplete(fault);

    /// <summary>What the test says, until it ends the call or the call is cancelled.</summary>
    internal async IAsyncEnumerable<ModelEvent> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.Register(() =>
        {
            _cancelled.TrySetResult();
            if (!IgnoresCancel)
            {
                End(new OperationCanceledException(cancellationToken));
            }
        });
        await foreach (var model in _events.Reader.ReadAllAsync(CancellationToken.None))
        {
            yield return model;
        }
    }

    private static string ContextOf(ModelCall call)
    {
        var bytes = new ArrayBufferWriter<byte>();
        call.Context.CopyTo(bytes);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private static string LastText(string context)
    {
        using var item = JsonDocument.Parse(context.TrimEnd('\n').Split('\n')[^1]);
        foreach (var name in (string[])["content", "output"])
        {
            if (item.RootElement.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String)
            {
                return text.GetString()!;
            }
        }

        return string.Empty;
    }
}

/// <summary>What models say.</summary>
public static class Speech
{
    public static readonly ModelEvent Completed = new(ModelEventKind.Completed) { Usage = new Usage(3, 0, 1, 0) };

    public static ModelEvent[] Message(string text) =>
    [
        new(ModelEventKind.ItemStarted) { Item = OutputKind.Message },
        new(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
        .. text.Chunk(3).Select(chunk => Delta(new string(chunk))),
        new(ModelEventKind.PartDone),
        new(ModelEventKind.ItemDone),
    ];

    public static ModelEvent[] Answer(string text) => [.. Message(text), Completed];

    public static ModelEvent[] Reasoning(string text) =>
    [
        new(ModelEventKind.ItemStarted) { Item = OutputKind.Reasoning },
        new(ModelEventKind.PartStarted) { Part = PartKind.SummaryText },
        Delta(text),
        new(ModelEventKind.PartDone),
        new(ModelEventKind.ItemDone),
    ];

    public static ModelEvent[] Call(string callId) =>
    [
        new(ModelEventKind.ItemStarted) { Item = OutputKind.FunctionCall, CallId = callId, Name = "f" },
        new(ModelEventKind.PartStarted) { Part = PartKind.Arguments },
        Delta("{}"),
        new(ModelEventKind.PartDone),
        new(ModelEventKind.ItemDone),
    ];

    public static ModelEvent Delta(string text) =>
        new(ModelEventKind.Delta) { Text = JsonEncodedText.Encode(text).EncodedUtf8Bytes.ToArray() };
}
