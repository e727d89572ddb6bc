using System.Text.Json;
using System.Text.Json.Nodes;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.InProcess;
using Evergrain.Providers.Sqlite;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Silo.Commands;

/// <summary>
/// The conversations in the file of a stopped server. A conversation is copied into memory when it is first asked for,
/// and the server's own host reads it there: what the host appends, such as the end of a turn that was cut, stays in
/// memory.
/// </summary>
internal sealed class StoppedConversations : IConversationSource
{
    private readonly StoppedJournal _file;
    private readonly InMemoryJournal _memory = new();
    private readonly ServiceProvider _services;
    private readonly Dictionary<ConversationId, ConversationKey> _copied = [];

    private StoppedConversations(StoppedJournal file)
    {
        _file = file;
        _services = new ServiceCollection()
            .AddLogging()
            .AddMetrics()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<IIdSource, RandomIdSource>()
            .AddSingleton<IJournal>(_memory)
            .AddInProcessConversations(new InProcessOptions { StopGrace = TimeSpan.Zero })
            .BuildServiceProvider();
    }

    private IConversations Conversations => _services.GetRequiredService<IConversations>();

    /// <summary>Opens the file of a data directory.</summary>
    /// <exception cref="CommandException">A server runs on it.</exception>
    /// <exception cref="JournalUnavailableException">It is not there, or cannot be read.</exception>
    public static StoppedConversations Open(string directory)
    {
        try
        {
            return new StoppedConversations(StoppedJournal.Open(directory));
        }
        catch (JournalUnavailableException e) when (DataDirectory.IsHeldElsewhere(e))
        {
            throw new CommandException($"A running server holds the data directory {Path.GetFullPath(directory)}: " +
                "leave --data out and ask the server, or stop it first.", e);
        }
    }

    /// <inheritdoc/>
    public async Task<JsonElement> ListAsync(ListQuery query, CancellationToken cancellationToken)
    {
        var limit = query.Limit;
        var keys = Find(query);
        var list = new JsonArray();
        foreach (var key in keys.Take(limit))
        {
            list.Add(await SummaryOfAsync(key, cancellationToken));
        }

        var hasMore = keys.Count > limit;
        return Element(new JsonObject
        {
            ["object"] = "list",
            ["data"] = list,
            ["has_more"] = hasMore,
            ["next"] = hasMore ? keys[limit - 1].Id.ToString() : null,
        });
    }

    /// <inheritdoc/>
    public async Task<JsonElement> ListTurnsAsync(
        ConversationId conversation, int after, CancellationToken cancellationToken)
    {
        var key = await FindAsync(conversation, cancellationToken);
        return Element(await Conversations.ListTurnsAsync(
            key, after, HttpConversations.TurnsMax, cancellationToken));
    }

    /// <inheritdoc/>
    public async Task<JsonElement> VerifyAsync(ConversationId conversation, CancellationToken cancellationToken)
    {
        var key = await FindAsync(conversation, cancellationToken);
        var verification = await Conversations.VerifyAsync(key, cancellationToken);
        return Element(new JsonObject
        {
            ["object"] = "evergrain.verification",
            ["is_equal"] = verification.IsEqual,
            ["turns"] = verification.Turns,
            ["different"] = new JsonArray([.. verification.Different.Select(static id => JsonValue.Create(id))]),
            ["fault"] = verification.Fault,
        });
    }

    /// <inheritdoc/>
    public async Task<JsonElement> GetResponseAsync(ResponseId response, CancellationToken cancellationToken)
    {
        var key = await FindAsync(response.Conversation, cancellationToken);
        return Element(await Conversations.GetAsync(new TurnAddress(key.Tenant, response), cancellationToken));
    }

    /// <inheritdoc/>
    public async Task<JsonElement> ListInputItemsAsync(
        ResponseId response, string? after, CancellationToken cancellationToken)
    {
        var key = await FindAsync(response.Conversation, cancellationToken);
        return Element(await Conversations.ListInputItemsAsync(new TurnAddress(key.Tenant, response),
            new ItemPage(Limit: 100, After: after), cancellationToken));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _memory.DisposeAsync();
        _file.Dispose();
    }

    private static JsonElement Element(ReadOnlyMemory<byte> json) => JsonElement.Parse(json.Span);

    private static JsonElement Element(JsonObject json) => JsonElement.Parse(json.ToJsonString());

    /// <summary>The conversations of a page, and one more where there are more.</summary>
    private IReadOnlyList<ConversationKey> Find(ListQuery query) => query.Search switch
    {
        null => _file.List(query.After is null ? null : IdArgument.Read(query.After), query.Limit + 1),
        (ListQuery.ById, var id) => _file.Find(IdArgument.Read(id)) is { } key ? [key] : [],
        _ => throw new CommandException("A file does not say which request, trace or session made a turn: search by " +
            "--id, or ask a server that runs."),
    };

    private async Task<ConversationKey> FindAsync(ConversationId id, CancellationToken cancellationToken)
    {
        if (!_copied.TryGetValue(id, out var key))
        {
            key = _file.Find(id) ?? throw new CommandException($"The file holds no conversation {id}.");
            await _file.CopyAsync(key, _memory, cancellationToken);
            _copied[id] = key;
        }

        return key;
    }

    private async Task<JsonObject> SummaryOfAsync(ConversationKey key, CancellationToken cancellationToken)
    {
        await FindAsync(key.Id, cancellationToken);
        var turns = await TurnRows.ReadAsync(this, key.Id, after: 0, cancellationToken);
        return new JsonObject
        {
            ["id"] = key.Id.ToString(),
            ["object"] = "evergrain.conversation",
            ["tenant"] = key.Tenant,
            ["created_at_ms"] = turns.Count > 0 ? turns[0].Number("created_at_ms") : null,
            ["is_stored"] = true,
            ["turns"] = turns.Count,
            ["items"] = turns.Count > 0 ? turns[^1].Number("items", "held") : null,
            ["status"] = turns.Count > 0 ? turns[^1].Text("status") : null,
        };
    }
}
