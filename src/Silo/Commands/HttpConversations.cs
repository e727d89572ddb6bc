using System.Globalization;
using System.Text.Json;
using Evergrain.Conversations.Ids;

namespace Evergrain.Silo.Commands;

/// <summary>The conversations of a running server.</summary>
/// <param name="server">The server.</param>
/// <param name="tenant">Whose, where the key is an operator's; null: the key's own tenant.</param>
internal sealed class HttpConversations(ServerClient server, string? tenant) : IConversationSource
{
    /// <summary>Turns of one page: the server's own bound.</summary>
    public const int TurnsMax = 500;

    private const int ItemsMax = 100;

    private readonly string _tenant = tenant is null ? "" : $"&tenant={Uri.EscapeDataString(tenant)}";

    /// <inheritdoc/>
    public Task<JsonElement> ListAsync(ListQuery query, CancellationToken cancellationToken)
    {
        var search = query.Search is (var name, var text) ? $"&{name}={Uri.EscapeDataString(text)}" : "";
        return server.GetAsync(string.Create(CultureInfo.InvariantCulture,
            $"/evergrain/conversations?limit={query.Limit}{After(query.After)}{search}{_tenant}"), cancellationToken);
    }

    /// <inheritdoc/>
    public Task<JsonElement> ListTurnsAsync(
        ConversationId conversation, int after, CancellationToken cancellationToken) =>
        server.GetAsync(string.Create(CultureInfo.InvariantCulture,
            $"/evergrain/conversations/{conversation}/turns?limit={TurnsMax}&after={after}{_tenant}"),
            cancellationToken);

    /// <summary>Begins to follow a conversation: turns that run or end from now on are told.</summary>
    /// <exception cref="CommandException">It is not there.</exception>
    public Task<HttpResponseMessage> FollowAsync(ConversationId conversation, CancellationToken cancellationToken) =>
        server.FollowAsync($"/evergrain/conversations/{conversation}/live?{_tenant}", cancellationToken);

    /// <inheritdoc/>
    public Task<JsonElement> VerifyAsync(ConversationId conversation, CancellationToken cancellationToken) =>
        server.GetAsync($"/evergrain/conversations/{conversation}/verify?{_tenant}", cancellationToken);

    /// <inheritdoc/>
    public Task<JsonElement> GetResponseAsync(ResponseId response, CancellationToken cancellationToken) =>
        server.GetAsync($"/v1/responses/{response}", cancellationToken);

    /// <inheritdoc/>
    public Task<JsonElement> ListInputItemsAsync(
        ResponseId response, string? after, CancellationToken cancellationToken) =>
        server.GetAsync(string.Create(CultureInfo.InvariantCulture,
            $"/v1/responses/{response}/input_items?order=desc&limit={ItemsMax}{After(after)}"), cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        server.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string After(string? after) => after is null ? "" : $"&after={Uri.EscapeDataString(after)}";
}
