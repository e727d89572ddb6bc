using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Responses;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Tests.Responses;

/// <summary>What the decoder makes of a server's events, one line a model event.</summary>
internal static class Transcript
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>A call with these parameters and nothing said yet.</summary>
    public static ModelCall Call(params (string Field, string Json)[] parameters) => new()
    {
        Model = "gpt \"x\"",
        Parameters = new Parameters([.. parameters.Select(static (parameter, number) =>
            new HeldValue(number, parameter.Field, Encoding.UTF8.GetBytes(parameter.Json), default))]),
        Context = new ContextView(null, []) { ItemCount = 0, Bytes = 0, Tokens = 0, State = null },
        NewItems = 0,
        Affinity = 1,
    };

    public static IEventDecoder Decoder() => new ResponsesApi("main").Decode(Call());

    /// <summary>Decodes a whole stream; blank lines are left out.</summary>
    public static string Of(string stream) => Render(Decode(stream));

    /// <summary>The lines that the next event gives, for what must come at once.</summary>
    public static string Next(IEventDecoder decoder, string data)
    {
        var events = new List<ModelEvent>();
        decoder.Read(Encoding.UTF8.GetBytes(data), events);
        return Render(events);
    }

    public static List<ModelEvent> Decode(string stream)
    {
        var decoder = Decoder();
        var events = new List<ModelEvent>();
        foreach (var line in stream.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            Read(decoder, Encoding.UTF8.GetBytes(line), events);
        }

        decoder.Finish(isMarked: false, events);
        CheckOrder(events);
        return events;
    }

    /// <summary>Decodes an answer that is one JSON document.</summary>
    public static string OfWhole(string json)
    {
        var events = new List<ModelEvent>();
        var (decoder, lent) = (Decoder(), Encoding.UTF8.GetBytes(json));
        decoder.ReadWhole(lent, events);
        lent.AsSpan().Fill((byte)'#');
        decoder.Finish(isMarked: true, events);
        CheckOrder(events);
        return Render(events);
    }

    /// <summary>Reads one event as a transport does: its bytes are another's when the call is over.</summary>
    public static void Read(IEventDecoder decoder, byte[] data, List<ModelEvent> events)
    {
        var lent = data.ToArray();
        try
        {
            decoder.Read(lent, events);
        }
        finally
        {
            lent.AsSpan().Fill((byte)'#');
        }
    }

    /// <summary>Fails where a stream could not take the events in this order.</summary>
    public static void CheckOrder(List<ModelEvent> events)
    {
        var (item, part, isOver) = (default(OutputKind), false, false);
        foreach (var e in events)
        {
            Assert.False(isOver, "an event after the last");
            var isInOrder = e.Kind switch
            {
                ModelEventKind.ItemStarted => item == default,
                ModelEventKind.PartStarted => item is not (default(OutputKind) or OutputKind.Other) && !part,
                ModelEventKind.Delta or ModelEventKind.PartDone => part,
                ModelEventKind.ItemDone => item != default && !part,
                ModelEventKind.Raw => item != default,
                ModelEventKind.Completed => item == default,
                _ => true,
            };
            Assert.True(isInOrder, $"{e.Kind} is out of order:\n{Render(events)}");
            item = e.Kind switch
            {
                ModelEventKind.ItemStarted => e.Item,
                ModelEventKind.ItemDone => default,
                _ => item,
            };
            part = e.Kind == ModelEventKind.PartStarted || (part && e.Kind != ModelEventKind.PartDone);
            isOver = e.Kind >= ModelEventKind.Completed;
            CheckContent(e);
        }
    }

    private static void CheckContent(in ModelEvent e)
    {
        if (e.Kind == ModelEventKind.Delta)
        {
            Assert.False(e.Text.IsEmpty);
            JsonDocument.Parse('"' + Strict.GetString(e.Text.Span) + '"').Dispose();
        }

        if (!e.Json.IsEmpty)
        {
            using var json = JsonDocument.Parse(e.Json);
            Assert.Equal(JsonValueKind.Object, json.RootElement.ValueKind);
            Assert.False(e.Json.Span.ContainsAny((byte)'\n', (byte)'\r'));
            Assert.True(e.Kind is not (ModelEventKind.ItemStarted or ModelEventKind.ItemDone) ||
                !json.RootElement.TryGetProperty("id", out _));
        }
    }

    private static string Render(List<ModelEvent> events) => string.Join('\n', events.Select(Line));

    private static string Line(ModelEvent e)
    {
        string?[] words = e.Kind switch
        {
            ModelEventKind.ItemStarted =>
                ["item", $"{e.Item}", e.IdPrefix, e.CallId, e.Namespace, e.Name, Text(e.Json)],
            ModelEventKind.PartStarted => ["part", $"{e.Part}"],
            ModelEventKind.Delta => ["delta", Text(e.Text), Text(e.Logprobs)],
            ModelEventKind.PartDone => ["part done", Text(e.Json)],
            ModelEventKind.ItemDone => ["item done", e.ServerId, Text(e.Json)],
            ModelEventKind.Raw => ["raw", e.Name, Text(e.Json)],
            ModelEventKind.Failed => ["failed", e.Code, e.Message, Figures(e.Usage)],
            _ => [$"{e.Kind}".ToLowerInvariant(), e.Code, Figures(e.Usage)],
        };
        return string.Join(' ', words.Where(static word => !string.IsNullOrEmpty(word)));
    }

    private static string Text(ReadOnlyMemory<byte> text) => Strict.GetString(text.Span);

    private static string? Figures(Usage? usage) => usage is null ? null :
        $"in {usage.InputTokens} cached {usage.CachedTokens} " +
        $"out {usage.OutputTokens} reasoning {usage.ReasoningTokens}";
}
