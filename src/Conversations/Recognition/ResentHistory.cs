using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Recognition;

/// <summary>
/// The history that a stored create without a parent brings along: where turns may have ended in it, and the create
/// that continues such an end.
/// </summary>
internal sealed class ResentHistory
{
    private static ReadOnlySpan<byte> ParentName => "previous_response_id"u8;

    private readonly StartTurn _start;
    private readonly List<HistoryEnd> _ends = [];
    private readonly List<Digest> _digests = [];

    private ResentHistory(StartTurn start, RecognitionScope scope, ulong hint) =>
        (_start, Scope, Hint) = (start, scope, hint);

    /// <summary>Who may continue it.</summary>
    public RecognitionScope Scope { get; }

    /// <summary>What its client calls its chat: see <see cref="HistoryMark.Hint"/>.</summary>
    public ulong Hint { get; }

    /// <summary>The places behind an item that a model makes, in order; at least one.</summary>
    public IReadOnlyList<HistoryEnd> Ends => _ends;

    /// <summary>The digests behind its items, up to the first that refers to another one.</summary>
    public IReadOnlyList<Digest> Digests => _digests;

    /// <summary>Reads the history of a create, each item once.</summary>
    /// <returns>Null where it brings none, or is wrong: then the conversation refuses it.</returns>
    public static ResentHistory? Read(StartTurn start)
    {
        try
        {
            var create = start.Read();
            if (!create.Store || create.PreviousResponseId is not null)
            {
                return null;
            }

            var scope = RecognitionScope.Of(
                start.Key.Tenant, ValueOf(create, "safety_identifier"), ValueOf(create, "user"));
            var hint = HistoryHint.Of(
                ValueOf(create, "prompt_cache_key"), HistoryHint.OfSession(start.Origin.Session));
            var history = new ResentHistory(start, scope, hint);
            history.ReadItems(create.Input);
            return history._ends.Count > 0 ? history : null;
        }
        catch (ConversationException)
        {
            return null;
        }
    }

    /// <summary>The start that continues a turn with the items behind one of the places.</summary>
    /// <param name="parent">The turn that ends there.</param>
    /// <param name="count">Items before the place.</param>
    public StartTurn Continue(ResponseId parent, int count)
    {
        var create = _start.Create.Span;
        var input = _start.Read().Input;
        var from = OffsetIn(create, input[0]);
        var to = count < input.Count ? OffsetIn(create, input[count]) : OffsetIn(create, input[^1]) + input[^1].Length;
        byte[] rest = [.. create[..from], .. create[to..]];
        return _start with
        {
            Key = _start.Key with { Id = parent.Conversation },
            Create = WithParent(rest, Encoding.ASCII.GetBytes($"\"{parent}\"")),
            IsRecognised = true,
        };
    }

    private static ReadOnlyMemory<byte> ValueOf(CreateRequest create, string name) =>
        create.Parameters.Find(parameter => parameter.Field.Name == name).Json;

    private static int OffsetIn(ReadOnlySpan<byte> create, ReadOnlyMemory<byte> item) =>
        create.Overlaps(item.Span, out var offset) ? offset : throw new InvalidOperationException("no item of it");

    /// <summary>Names the parent in a create that names none, be it with a null.</summary>
    private static byte[] WithParent(ReadOnlySpan<byte> create, ReadOnlySpan<byte> parent)
    {
        var reader = new Utf8JsonReader(create, new JsonReaderOptions { MaxDepth = Limits.JsonDepthMax });
        reader.Read();
        var begin = (int)reader.BytesConsumed;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isParent = reader.ValueTextEquals(ParentName);
            reader.Read();
            if (isParent)
            {
                return [.. create[..(int)reader.TokenStartIndex], .. parent, .. create[(int)reader.BytesConsumed..]];
            }

            reader.Skip();
        }

        // It has other members: its model at least.
        return [.. create[..begin], (byte)'"', .. ParentName, .. "\":"u8, .. parent, (byte)',', .. create[begin..]];
    }

    private void ReadItems(List<ReadOnlyMemory<byte>> items)
    {
        var context = ItemDigest.Root;
        for (var i = 0; i < items.Count; i++)
        {
            using var item = ItemTree.Read(items[i].Span);
            var head = ItemHead.Of(item);
            if (head.Type == ItemHead.Reference)
            {
                // What it stands for is not known here, and so no digest behind it.
                return;
            }

            context = ItemDigest.Chain(context, item);
            _digests.Add(context);
            if (IsMade(head))
            {
                _ends.Add(new HistoryEnd(i + 1, context));
            }
        }
    }

    /// <summary>Whether a model makes items of this kind: only behind such an item a turn ends.</summary>
    private static bool IsMade(in ItemHead head) => head.Type == "message"
        ? head.Role == ItemRole.Assistant
        : !head.Type.EndsWith("_output", StringComparison.Ordinal);
}

/// <summary>A place in a history where a turn may have ended.</summary>
/// <param name="Count">Items before it.</param>
/// <param name="Context">The digest of those items.</param>
internal readonly record struct HistoryEnd(int Count, Digest Context);
