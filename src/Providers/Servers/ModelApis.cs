using Evergrain.Providers.Chat;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Responses;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Providers.Servers;

/// <summary>The APIs that model servers can be spoken to in.</summary>
internal static class ModelApis
{
    public const string Chat = "chat";
    public const string Responses = "responses";

    /// <summary>What <see cref="ModelServerOptions.Api"/> may say.</summary>
    public static IReadOnlyList<string> Names { get; } = [Chat, Responses];

    /// <summary>Creates the API of one server, whose options were checked.</summary>
    /// <param name="server">The server.</param>
    /// <param name="dialect">Which dialect it speaks.</param>
    /// <param name="services">The instruments.</param>
    public static IModelApi Create(ModelServerOptions server, Dialect dialect, IServiceProvider services) =>
        server.Api switch
        {
            Chat => new ChatApi(
                server.Name, DialectChanges.Apply(dialect, server), services.GetRequiredService<ChatInstruments>()),
            _ => new ResponsesApi(server.Name),
        };
}
