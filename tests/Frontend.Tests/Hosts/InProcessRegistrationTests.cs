using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.InProcess;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Tests.Hosts;

public sealed class InProcessRegistrationTests
{
    [Fact]
    public async Task AddInProcessConversations_Container_RunsTurnsAndDisposesOnce()
    {
        await using var provider = new ServiceCollection()
            .AddLogging().AddMetrics()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<IIdSource, RandomIdSource>()
            .AddSingleton<IJournal, InMemoryJournal>()
            .AddSingleton<IModelBackend, GatedModel>()
            .AddInProcessConversations(new InProcessOptions())
            .BuildServiceProvider();
        var turns = provider.GetRequiredService<ITurns>();
        var id = await turns.StartTurnAsync(new StartTurn
        {
            Key = new ConversationKey("default", ContractClient.NewConversation()),
            RequestId = 1,
            Lease = default,
            Create = """{"model":"echo","input":"hello"}"""u8.ToArray(),
        }, CancellationToken.None);
        await using var reader = new EventReader(turns, new TurnAddress("default", id), 0);
        Assert.Equal("response.completed", ContractClient.TypeOf((await reader.ReadToEndAsync())[^1]));
    }
}
