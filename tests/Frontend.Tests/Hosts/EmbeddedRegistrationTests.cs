using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Embedded;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Tests.Hosts;

public sealed class EmbeddedRegistrationTests
{
    [Fact]
    public async Task AddEmbeddedConversations_Container_RunsTurnsAndDisposesOnce()
    {
        await using var provider = new ServiceCollection()
            .AddLogging().AddMetrics()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<IIdSource, RandomIdSource>()
            .AddSingleton<IJournal, InMemoryJournal>()
            .AddSingleton<IModelBackend, GatedModel>()
            .AddEmbeddedConversations(new EmbeddedOptions())
            .BuildServiceProvider();
        var conversations = provider.GetRequiredService<IConversations>();
        Assert.Same(conversations, provider.GetRequiredService<EmbeddedConversations>());
        var id = await conversations.StartTurnAsync(new StartTurn
        {
            Key = new ConversationKey("default", ContractClient.NewConversation()),
            RequestId = 1,
            Lease = default,
            Create = """{"model":"echo","input":"hello"}"""u8.ToArray(),
        }, CancellationToken.None);
        await using var reader = new EventReader(conversations, new TurnAddress("default", id), 0);
        Assert.Equal("response.completed", ContractClient.TypeOf((await reader.ReadToEndAsync())[^1]));
    }
}
