using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Silo.Commands;

/// <summary>A turn of a file that is on the server now.</summary>
/// <param name="From">Its id in the file.</param>
/// <param name="To">Its id on the server.</param>
/// <param name="IsEqual">Whether both have the same digest; null: a part of its items stands in later turns.</param>
internal sealed record ImportedTurn(string From, string To, bool? IsEqual);

/// <summary>
/// Makes turns of a file again, as stored creates that call no model: their output becomes input.
/// </summary>
/// <remarks>
/// A create must not leave a call without its output. So the items of a turn from its first open call on go into the
/// creates that continue it.
/// </remarks>
/// <param name="server">Gets the creates.</param>
/// <param name="model">The model of each; null: the one that the file names.</param>
internal sealed class TurnImport(ServerClient server, string? model)
{
    // What a response says of itself; the rest are parameters of its create.
    private static readonly HashSet<string> OfResponse = new(StringComparer.Ordinal)
    {
        "id", "object", "created_at", "completed_at", "status", "error", "incomplete_details", "previous_response_id",
        "store", "background", "output", "usage", "evergrain",
    };

    private static readonly HashSet<string> Calls = new(StringComparer.Ordinal)
    {
        "function_call", "custom_tool_call", "shell_call", "apply_patch_call", "computer_call",
    };

    private readonly string _key = $"import-{new RandomIdSource().Next128():x32}";
    private readonly Dictionary<string, Made> _made = new(StringComparer.Ordinal);
    private readonly List<ImportedTurn> _turns = [];

    /// <summary>Items behind a call that no turn of the file answers.</summary>
    public int LeftOut => _made.Values.Where(static made => made.IsLast).Sum(static made => made.Rest.Count);

    /// <summary>Makes them; all, or none.</summary>
    /// <exception cref="CommandException">The file has another shape, or the server refuses a turn.</exception>
    public async Task<IReadOnlyList<ImportedTurn>> RunAsync(JsonElement file, CancellationToken cancellationToken)
    {
        var turns = file.List("turns");
        if (turns.Count == 0)
        {
            throw new CommandException("The file holds no turns: 'turns' must be a list of them.");
        }

        try
        {
            foreach (var (index, turn) in turns.Index())
            {
                await MakeAsync(turn, index, cancellationToken);
            }
        }
        catch
        {
            await UndoAsync();
            throw;
        }

        return _turns;
    }

    private async Task MakeAsync(JsonElement turn, int index, CancellationToken cancellationToken)
    {
        if (turn.At("input") is not { ValueKind: JsonValueKind.Array } ||
            turn.At("response", "output") is not { ValueKind: JsonValueKind.Array })
        {
            throw new CommandException($"turns[{index}] must have the lists 'input' and 'response.output'.");
        }

        var from = IdArgument.ReadResponse(turn.Text("id"));
        var parent = FindParent(turn, index);
        List<JsonElement> items =
            [.. parent?.Rest ?? [], .. turn.List("input"), .. turn.List("response", "output")];
        var whole = WholeLength(items);
        var create = Write(turn, parent?.To, from.Conversation, items[..whole]);
        var key = string.Create(CultureInfo.InvariantCulture, $"{_key}-{index}");
        try
        {
            var response = await server.CreateAsync(create, key, cancellationToken);
            var to = IdArgument.ReadResponse(response.Text("id")).ToString();
            _made[from.ToString()] = new Made(to, items[whole..]);
            _turns.Add(new ImportedTurn(from.ToString(), to, whole < items.Count
                ? null
                : response.Text("evergrain", "digest") == turn.Text("digest")));
        }
        catch (CommandException e)
        {
            throw new CommandException($"turns[{index}] ({from}): {e.Message}", e);
        }
    }

    private Made? FindParent(JsonElement turn, int index)
    {
        if (turn.Text("previous_response_id") is not { } named)
        {
            return null;
        }

        var parent = _made.GetValueOrDefault(named) ?? throw new CommandException(
            $"turns[{index}] continues {named}, which the file does not hold before it.");
        parent.IsLast = false;
        return parent;
    }

    /// <summary>How many items stand before the first call that none of them answers.</summary>
    private static int WholeLength(List<JsonElement> items)
    {
        var open = new HashSet<string>(StringComparer.Ordinal);
        var whole = 0;
        foreach (var (index, item) in items.Index())
        {
            if (item.Text("call_id") is { } call)
            {
                _ = Calls.Contains(item.Text("type") ?? "") ? open.Add(call) : open.Remove(call);
            }

            whole = open.Count == 0 ? index + 1 : whole;
        }

        return whole;
    }

    private byte[] Write(JsonElement turn, string? parent, ConversationId from, List<JsonElement> items)
    {
        var create = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(create, new JsonWriterOptions { MaxDepth = ExportFormat.DepthMax });
        json.WriteStartObject();
        json.WriteBoolean("store"u8, value: true);
        json.WriteBoolean("generate"u8, value: false);
        json.WriteString("previous_response_id"u8, parent);
        WriteParameters(json, turn);
        json.WriteStartArray("input"u8);
        foreach (var item in items)
        {
            WriteItem(json, item, from);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return create.WrittenSpan.ToArray();
    }

    private void WriteParameters(Utf8JsonWriter json, JsonElement turn)
    {
        if (model is not null)
        {
            json.WriteString("model"u8, model);
        }

        if (turn.At("response") is not { ValueKind: JsonValueKind.Object } response)
        {
            return;
        }

        foreach (var member in response.EnumerateObject().Where(member => !OfResponse.Contains(member.Name) &&
            member.Value.ValueKind != JsonValueKind.Null && (model is null || member.Name != "model")))
        {
            json.WritePropertyName(member.Name);
            json.WriteRawValue(JsonMarshal.GetRawUtf8Value(member.Value), skipInputValidation: true);
        }
    }

    /// <summary>Writes an item without the id that its server gave it; an id that a client gave it stays.</summary>
    private static void WriteItem(Utf8JsonWriter json, JsonElement item, ConversationId from)
    {
        if (item.Text("id")?.Contains($"_{from.Code}_", StringComparison.Ordinal) != true)
        {
            json.WriteRawValue(JsonMarshal.GetRawUtf8Value(item), skipInputValidation: true);
            return;
        }

        json.WriteStartObject();
        foreach (var member in item.EnumerateObject().Where(static member => !member.NameEquals("id"u8)))
        {
            json.WritePropertyName(member.Name);
            json.WriteRawValue(JsonMarshal.GetRawUtf8Value(member.Value), skipInputValidation: true);
        }

        json.WriteEndObject();
    }

    private async Task UndoAsync()
    {
        foreach (var turn in Enumerable.Reverse(_turns))
        {
            try
            {
                await server.DeleteAsync(turn.To, CancellationToken.None);
            }
            catch (CommandException e)
            {
                await Console.Error.WriteLineAsync($"evergrain: {turn.To} stays: {e.Message}");
            }
        }
    }

    /// <summary>A turn that was made.</summary>
    private sealed record Made(string To, List<JsonElement> Rest)
    {
        /// <summary>Whether no turn continues it.</summary>
        public bool IsLast { get; set; } = true;
    }
}
