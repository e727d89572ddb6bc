using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Suites.Hosts;

namespace Evergrain.Suites.Hosting;

/// <summary>Conversations over a SQLite file.</summary>
public abstract class StoredHost : ConversationsHost
{
    public override IReadOnlyList<IModelBackend> Backends => [Model];

    /// <summary>Models <c>echo</c> and <c>gated</c>; <c>demo</c> is there too.</summary>
    public abstract GatedModel Model { get; }

    public abstract LogText Log { get; }

    public abstract IMeterFactory Meters { get; }

    /// <summary>Ends what is idle.</summary>
    public abstract Task PassivateAsync();

    /// <summary>How many appends the journal holds of a response's conversation.</summary>
    public async Task<int> CountAppendsAsync(string response, string tenant = "default")
    {
        Assert.True(ResponseId.TryParse(response, out var id));
        return await CountAppendsAsync(new ConversationKey(tenant, id.Conversation));
    }

    protected abstract Task<int> CountAppendsAsync(ConversationKey key);
}
