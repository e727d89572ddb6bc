using Evergrain.Conversations.Recognition;

namespace Evergrain.Conversations.Tests.Recognition;

/// <summary>For which tenants histories are recognised.</summary>
public sealed class RecognitionOptionsTests
{
    [Theory]
    [InlineData("off", null, null, false)]
    [InlineData("stored", null, null, true)]
    [InlineData("stored", "off", null, false)]
    [InlineData("off", "stored", null, true)]
    [InlineData("off", null, "stored", true)]
    [InlineData("off", "off", "stored", false)]
    [InlineData("stored", null, "off", false)]
    public void IsOnFor_TheTenantsOwnGoesFirst_ThenThatOfAll(string all, string? own, string? others, bool isOn)
    {
        var options = new RecognitionOptions { Recognition = all };
        foreach (var (tenant, recognition) in new[] { ("a", own), ("*", others) })
        {
            if (recognition is not null)
            {
                options.Set(tenant, recognition);
            }
        }

        Assert.Equal(isOn, options.IsOnFor("a"));
        Assert.Equal(all == "stored" || own == "stored" || others == "stored", options.IsOn);
    }
}
